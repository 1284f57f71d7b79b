import pytest

from chatterm.checks import describe
from chatterm.checks.verify import Basis, verify

SOURCE = "a\nRevenue was 1,234,567.\nThe tenant shall pay\nthe rent monthly."


@pytest.mark.parametrize(
    ("reply", "lang", "said"),
    [
        ("It was 1.23 million.", "en", "number 1.23 million is rounded from 1,234,567 (line 2)"),
        ("It was 1.23 million.", "zh", "数字“1.23 million”由“1,234,567”四舍五入而来（第2行）"),
        ("It was 1,234,567.", "en", "number 1,234,567 is in the document (line 2)"),
        ("共77人", "zh", "数字“77”不在原文中"),
        ("共77人", "fr", "number 77 is not in the document"),
        (
            "“The tenant may pay the rent monthly”",
            "en",
            "quote The tenant may pay the rent monthly is worded otherwise: "
            "The tenant shall pay the rent monthly (lines 3-4)",
        ),
    ],
)
def test_a_finding_is_put_in_words(reply: str, lang: str, said: str) -> None:
    (finding,) = verify(reply, SOURCE).findings
    assert describe(finding, lang) == said


def test_long_text_is_shortened_and_the_users_own_words_have_no_line() -> None:
    (finding,) = verify("Three.", Basis((), given="three")).findings
    assert describe(finding, "en") == "number Three is in the document"
    (quote,) = verify("“" + "word " * 40 + "”", "x").findings
    assert len(describe(quote, "en")) < 100
