"""Fields that code computes from copied texts: values with units, ranges, English and Chinese numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.prompts.output import FUNCTIONS, Computation
from chatterm.tasks.computed import compare, compute, days_between, growth, ratio


@pytest.mark.parametrize(
    ("value", "printed", "expected"),
    [
        ("171 mg/dL", "<130", "high"),
        ("171 mg/dL", "(ref <130)", "high"),
        ("130", "<130", "high"),
        ("130", "≤130", "normal"),
        ("139 mmol/L", "135-145", "normal"),
        ("118 g/L", "120-150 g/L", "low"),
        ("5.2", "3.5 – 5.1", "high"),
        ("0.9 mg/dL", "0.6 to 1.2 mg/dL", "normal"),
        ("-3", "-2.0 to 2.0", "low"),
        ("5.7 %", "4.0-5.6%", "high"),
        ("250 mg", "0.1-0.3 g", "normal"),
        ("11.8 g/dL", "120-150 g/L", "low"),
        ("260 10^9/L", "150-400 10^9/L", "normal"),
        ("260 x10^9/L", "150-400", "normal"),
        ("6", "低于5", "high"),
        ("6", "不低于5", "normal"),
        ("7", "5至10", "normal"),
        ("三千二百万", "3000万-4000万", "normal"),
        ("60", "60以上", "normal"),
        ("60", "> 60", "low"),
        # What a value is only known to be below or above settles it, or does not.
        ("<0.5", "<130", "normal"),
        ("<0.5", "1-5", "low"),
        ("<3", "1-5", "unknown"),
        (">3", "1-5", "unknown"),
        (">5", "<5", "high"),
        # Nothing to compare, or not with each other.
        ("11.8 g/dL", "120-150 mmol/L", "unknown"),
        ("40 U/L", "7-56 kU/L", "unknown"),
        ("98.6 °F", "36-37 °C", "unknown"),
        ("4.5 10^12/L", "150-400 10^9/L", "unknown"),
        ("120/80", "90-140", "unknown"),
        ("positive", "negative", "unknown"),
        ("48", "", "unknown"),
        ("", "1-2", "unknown"),
        ("12", "10-", "unknown"),
        ("2", "3-1", "unknown"),
        ("1" * 600, "1-2", "unknown"),
    ],
)
def test_a_value_is_held_against_the_range_beside_it(value: str, printed: str, expected: str) -> None:
    assert compare(value, printed) == expected


def test_ratios_growth_and_days() -> None:
    assert ratio("10 EUR", "4 EUR") == 2.5
    assert ratio("3 kg", "500 g") == 6
    assert ratio("10", "0") is None
    assert ratio("3 kg", "5 EUR") is None
    assert growth("48,200", "16,870") == "+185.7%"
    assert growth("112 million", "1亿") == "+12.0%"
    assert growth("(37)", "100") == "-137.0%"
    assert days_between("3 May 2024", "2024-06-01") == 29
    assert days_between("2024年5月3日", "2024年5月1日") == -2
    assert days_between("03/04/2024", "2024-06-01") is None, "the third of April, or the fourth of March"
    assert days_between("2023-02-31", "2024-06-01") is None


def test_a_field_stands_in_every_object_that_has_its_arguments_and_totals_beside_the_list() -> None:
    flag = {"flag": Computation("compare", ("value", "range"))}
    rows: list[dict[str, str | None]] = [
        {"value": "5", "range": "1-3"},
        {"value": "2", "range": None},
        {"value": "2"},
    ]
    found = compute(rows, flag)
    assert found.value == [{**rows[0], "flag": "high"}, {**rows[1], "flag": "unknown"}, rows[2]]
    assert "flag" not in rows[0], "the answer itself stays as it was"
    bill = {"total": Computation("sum", ("amount",)), "n": Computation("count", ("amount",))}
    items: list[dict[str, str | None]] = [{"amount": "1,204.50 EUR"}, {"amount": "3 EUR"}, {"amount": None}]
    assert compute(items, bill).totals == {"total": "1,207.5 EUR", "n": 2}
    assert compute({"items": items}, bill).value == {"items": items, "total": "1,207.5 EUR", "n": 2}
    assert compute({"amount": [1, 2.5]}, bill).value == {"amount": [1, 2.5], "total": 3.5, "n": 2}
    minutes = [{"amount": "5 min"}, {"amount": "15 min"}]
    assert compute(minutes, bill).totals["total"] == "20 min"


def test_what_cannot_be_computed_is_null_and_told() -> None:
    bill = {"total": Computation("sum", ("amount",))}
    mixed = compute([{"amount": "5 EUR"}, {"amount": "3 USD"}], bill)
    assert mixed.totals == {"total": None}
    assert "units differ" in mixed.notices[0]
    words = compute([{"amount": "much"}], bill)
    assert "not all are numbers" in words.notices[0]
    late = compute({"a": "soon", "b": "2024-01-01"}, {"days": Computation("days_between", ("a", "b"))})
    assert late.value == {"a": "soon", "b": "2024-01-01", "days": None}
    assert "'soon'" in late.notices[0]


_ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)


@given(answer=_ANY)
def test_no_answer_makes_computing_fail(answer: object) -> None:
    arguments = {"sum": ("a",), "count": ("a",), "shares": ("a",)}
    for function in FUNCTIONS:
        compute(answer, {"x": Computation(function, arguments.get(function, ("a", "b")))})
