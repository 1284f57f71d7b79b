import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.checks.verify import DEFAULT_LEVELS, OWN_WORDS, Basis, levels_of, verify

LEASE = (
    "1. The tenant shall pay\n   the rent monthly.\n"
    "2. The seller isn't liable for “hidden” damage — at all.\n"
)
ZH = "一、承租人应当按月\n支付租金。\n二、卖方不承担隐蔽损坏的赔偿责任。\n"

# reply, source, verdict of its one quote, first and last line of the evidence
QUOTES = [
    ("It says “The tenant shall pay the rent monthly.”", LEASE, "found", (1, 2)),
    ('It says "the tenant shall pay the rent monthly"', LEASE, "found", (1, 2)),
    ("> The tenant shall pay the rent monthly.", LEASE, "found", (1, 2)),
    ("It says “The seller isn’t liable for ‘hidden’ damage - at all”", LEASE, "found", (3, 3)),
    ("“The tenant shall pay … monthly”", LEASE, "found", (1, 2)),
    ("“The seller […] at all”", LEASE, "found", (3, 3)),
    ("“Ｔｈｅ ｔｅｎａｎｔ ｓｈａｌｌ ｐａｙ”", LEASE, "found", (1, 1)),
    ("“The seller is liable for hidden damage at all”", LEASE, "near", (3, 3)),
    ("“The tenant may pay the rent monthly”", LEASE, "near", (1, 2)),
    ("“monthly … The tenant shall pay”", LEASE, "near", (1, 1)),
    ("“The landlord keeps the whole deposit”", LEASE, "absent", None),
    ("“he tenant shall pay the rent”", LEASE, "near", (1, 2)),
    ("原文：「承租人应当按月支付租金。」", ZH, "found", (1, 2)),
    ("原文：“承租人应当按月支付租金”", ZH, "found", (1, 2)),
    ("原文：『卖方不承担……赔偿责任』", ZH, "found", (3, 3)),
    ("原文：“卖方承担隐蔽损坏的赔偿责任”", ZH, "near", (3, 3)),
    ("原文：“出租人有权没收全部押金”", ZH, "absent", None),
    ("costs “3.5 per cent of the rent”", "It is 35 per cent of the rent", "near", (1, 1)),
]


@pytest.mark.parametrize(("reply", "source", "verdict", "lines"), QUOTES)
def test_a_quote_is_held_against_the_source(
    reply: str, source: str, verdict: str, lines: tuple[int, int] | None
) -> None:
    (finding,) = verify(reply, source, levels={"number": "off"}).findings
    assert (finding.kind, finding.verdict) == ("quote", verdict)
    assert [(one.first_line, one.last_line) for one in finding.evidence] == ([lines] if lines else [])
    assert reply[finding.start : finding.end] == finding.text


@pytest.mark.parametrize("reply", ['the "plan"', "所谓的“计划”", '5" and 6" pipes', "it's Tom's and Ann's"])
def test_a_term_in_quotation_marks_is_no_quote(reply: str) -> None:
    assert verify(reply, "nothing", levels={"number": "off"}).findings == ()


# reply, source, verdicts of its citations
CITATIONS = [
    ("under § 433 of it", "Section 433 applies", ["found"]),
    ("under Section 434", "Section 433 applies", ["absent"]),
    ("Art. 6(1)(b) GDPR", "Article 6 (1) (b) is the basis", ["found"]),
    ("Art. 6(1)(f) GDPR", "Article 6 (1) (b) is the basis", ["absent"]),
    ("clause 12.3", "see Clause 12.3 below", ["found"]),
    ("28 U.S.C. § 1332", "28 USC 1332", ["found"]),
    ("28 U.S.C. § 1332", "28 U.S.C. § 1332(a)", ["absent"]),
    ("Varghese v. China Airlines, 925 F.3d 1339", "a letter", ["absent", "absent"]),
    ("In Mata v. Avianca", "Mata v Avianca was decided", ["found"]),
    ("Mata v. Delta", "Mata v. Avianca", ["near"]),
    ("《劳动合同法》第三十九条", "《劳动合同法》第39条", ["found"]),
    ("《劳动合同法》第40条", "《劳动合同法》第39条", ["near"]),
    ("《劳动合同法》", "《劳动合同法》第39条", ["found"]),
    ("第三十九条", "《劳动合同法》第39条", ["found"]),
    ("《刑法》第三十九条", "《劳动合同法》第39条", ["absent"]),
    ("（2021）京01民终123号", "(2021)京01民终123号", ["found"]),
    ("（2021）京01民终124号", "(2021)京01民终123号", ["absent"]),
    ("10.1000/xyz.123", "https://doi.org/10.1000/XYZ.123.", ["found"]),
    ("https://example.org/a", "none", ["absent"]),
    ("code E11.9", "E11.9 diabetes", ["found"]),
    ("code E11.8", "E11.9 diabetes", ["absent"]),
]


@pytest.mark.parametrize(("reply", "source", "verdicts"), CITATIONS)
def test_a_citation_is_looked_for_in_the_source(reply: str, source: str, verdicts: list[str]) -> None:
    report = verify(reply, source)
    assert [(one.kind, one.verdict) for one in report.findings] == [("citation", one) for one in verdicts]


EXAMPLES = (
    "Velmora Foods reports LDL 171.",
    "The salt level is inside the printed range here.",
    "维墨食品公司盈利。",
)


@pytest.mark.parametrize(
    ("reply", "source", "leaked"),
    [
        ("Velmora Foods did well.", "Tarn did well.", ["Velmora Foods"]),
        ("Velmora Foods did well.", "velmora did well.", []),
        ("The LDL is 171.", "The LDL is 120.", ["171"]),
        ("The LDL is 171.", "The LDL is 171.", []),
        (
            "Now the salt level is inside the printed range here.",
            "x",
            ["the salt level is inside the printed range here"],
        ),
        ("The salt level is fine.", "x", []),
        ("维墨食品公司亏损", "某公司亏损", ["维墨食品公司"]),
        ("维墨食品公司亏损", "维墨食品公司亏损", []),
    ],
)
def test_what_a_reply_has_from_the_examples_alone_is_a_leak(
    reply: str, source: str, leaked: list[str]
) -> None:
    report = verify(reply, Basis((source,), examples=EXAMPLES), levels={"number": "off"})
    assert [one.text for one in report.findings if one.kind == "leak"] == leaked


def test_copied_values_are_found_however_short_they_are() -> None:
    report = verify("", "Sodium 139 mmol/L\nLDL 171", copies=("139 mmol/l", "LDL 171", "LDL 172", "So"))
    assert [(one.text, one.verdict) for one in report.findings] == [
        ("139 mmol/l", "found"),
        ("LDL 171", "found"),
        ("LDL 172", "absent"),
        ("So", "absent"),
    ]


def test_a_short_value_is_found_among_many_numbers_that_hold_its_digits() -> None:
    source = f"{','.join(map(str, range(10_000, 40_000)))}\nsodi-\num: 12 (3-5)\n"
    report = verify("", source, copies=("12", "3-5", "sodium", "5-3"))
    assert [one.verdict for one in report.findings] == ["found", "found", "found", "absent"]
    assert all(one.evidence[0].last_line == 3 for one in report.findings[:3])


def test_coverage_names_what_the_reply_left_out() -> None:
    source = "Take Ramipril 5 mg\nand Aspirin 100 mg.\nCome back on 3 May 2025."
    report = verify(
        "Take ramipril, 5 mg.", source, terms=("Ramipril", "Aspirin"), levels={"coverage": "mark"}
    )
    missing = [(one.text, one.evidence[0].first_line) for one in report.findings if one.kind == "coverage"]
    assert missing == [("100 mg", 2), ("3 May 2025", 3), ("Aspirin", 2)]


def test_the_users_own_words_are_a_basis_too() -> None:
    (finding,) = verify("Three facts:", Basis(("Nothing.",), given="Write three facts")).findings
    assert finding.is_verified
    assert finding.evidence[0].source == OWN_WORDS


def test_evidence_names_its_document() -> None:
    (finding,) = verify("It is 12 km.", Basis(("No.", "a\nIt is 12 km."))).findings
    assert [(one.source, one.first_line) for one in finding.evidence] == [(1, 2)]


def test_no_numbers_is_no_success() -> None:
    assert verify("Nothing to see.", "12").grounded() is None
    assert verify("12 and 13", "12").grounded() == 0.5


def test_levels_come_from_a_prompts_own_words() -> None:
    levels = levels_of(
        {"numbers": "strict", "quotes": "off", "coverage": "mark", "example_leak": True, "language": "mark"}
    )
    assert levels == {
        **DEFAULT_LEVELS,
        "number": "strict",
        "quote": "off",
        "coverage": "mark",
        "leak": "strict",
        "language": "mark",
        "structure": "off",
    }
    report = verify("13 and “nobody ever said so much”", "12", levels=levels)
    assert [one.text for one in report.failures] == ["13"]
    assert [one.kind for one in report.findings if one.kind == "quote"] == []


def test_a_report_is_plain_values_for_json() -> None:
    found = verify("It is 12 km, not 13 km.", "a\nb 12 km").as_json()
    assert found == {
        "checked": 2,
        "grounded": {"number": 0.5},
        "unverified": [
            {"kind": "number", "verdict": "absent", "why": "", "text": "13 km", "span": [17, 22], "found": []}
        ],
        "verified": [
            {
                "kind": "number",
                "verdict": "found",
                "why": "",
                "text": "12 km",
                "span": [6, 11],
                "found": [{"source": 0, "lines": [2, 2], "text": "12 km"}],
            }
        ],
    }


WORDS = st.lists(
    st.sampled_from(
        ["the", "tenant", "shall", "rent,", "pay.", "承租人", "支付", "“", "”", "\n", ">", "第三条", "§", "5"]
    ),
    max_size=40,
)


@given(WORDS)
def test_a_text_is_verified_by_itself(words: list[str]) -> None:
    text = " ".join(words)
    assert verify(text, text).unverified == ()
