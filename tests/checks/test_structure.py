"""Which markup of a source a reply has lost."""

import pytest

from chatterm.checks.findings import Level
from chatterm.checks.verify import verify

KEPT = (
    "# Title\n\n1. Dear **{name}**, see https://a.example/x and `A-77`.\n2. <b>Pay</b> %s to me@b.example\n"
)
TRANSLATED = (
    "# 标题\n\n1. 亲爱的**{name}**，见 https://a.example/x 与 `A-77`。\n2. <b>付</b> %s 至 me@b.example\n"
)


def missing(reply: str, source: str, level: Level = "strict") -> list[str]:
    report = verify(reply, source, levels={"structure": level, "number": "off"})
    return [finding.text for finding in report.findings if finding.kind == "structure"]


def test_a_translation_that_keeps_everything_is_unmarked() -> None:
    assert missing(TRANSLATED, KEPT) == []


@pytest.mark.parametrize(
    "lost", ["{name}", "`A-77`", "https://a.example/x", "<b>", "</b>", "%s", "me@b.example", "#", "1.", "2."]
)
def test_what_is_lost_is_named(lost: str) -> None:
    assert missing(TRANSLATED.replace(lost, "", 1), KEPT) == [lost]


def test_what_stands_twice_is_kept_twice() -> None:
    assert missing("`a`", "`a` and `a`") == ["`a`"]
    assert missing("```\nx\n```", "```\nx\n```\n```\ny\n```") == ["```", "```"]


def test_a_draft_fills_its_placeholders_in() -> None:
    assert missing("1. Ada lends.", "1. {lender} lends.", "mark") == []
    assert missing("Ada lends.", "1. {lender} lends.", "mark") == ["1."]


def test_where_it_is_not_asked_for_nothing_is_checked() -> None:
    assert missing("", KEPT, "off") == []


def test_the_line_of_the_source_is_told() -> None:
    report = verify("x", "one\n`two`", levels={"structure": "mark"})
    assert [one.evidence[0].first_line for one in report.findings] == [2]
