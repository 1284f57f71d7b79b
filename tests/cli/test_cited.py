"""`--cite`: marks behind statements while an answer comes, beside rows, and `sources` in JSON."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from chatterm.cli.answer import PlainAnswer
from chatterm.cli.cited import CitedAnswer, with_lines
from chatterm.cli.rendered import RenderedAnswer
from chatterm.tasks.citing import Cited
from chatterm.tasks.grounds import Grounds
from chatterm.tasks.reply_text import read_reply
from chatterm.tasks.views import View
from tests.support.chatterm_process import run_chatterm

LEASE = """The lease begins on 1 March 2024.
The tenant pays 1,250 euros each month.
Animals are not allowed in the house.
"""
NOTES = "First page\n\fSecond page\nThe heating was repaired in winter.\n"

ONE = Grounds([("lease.txt", LEASE)])
TWO = Grounds([("lease.txt", LEASE), ("notes [old].pdf", NOTES)])

REPLY = """# Rent

- **Rent**: the tenant pays 1,250 euros each month.
- The landlord pays for the garden. Animals are not allowed.\x20\x20
  The heating was repaired in winter

| What | How much |
|------|----------|
| rent | 1,250 euros |

```
The tenant pays 1,250 euros each month.
```
"""
MARKED = """# Rent

- **Rent**: the tenant pays 1,250 euros each month. [lease.txt:2]
- The landlord pays for the garden. [no source] Animals are not allowed. [lease.txt:3]\x20\x20
  The heating was repaired in winter [notes [old].pdf p. 2:2]

| What | How much |
|------|----------|
| rent | 1,250 euros [lease.txt:2] |

```
The tenant pays 1,250 euros each month.
```
"""


def cited(grounds: Grounds, *pieces: str, lang: str = "en") -> str:
    stream = io.StringIO()
    writer = CitedAnswer(PlainAnswer(stream), grounds, lang, is_markdown=False)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return stream.getvalue()


def test_marks_stand_behind_statements_and_leave_markdown_as_it_is() -> None:
    assert cited(TWO, REPLY) == MARKED


@pytest.mark.parametrize(
    ("grounds", "lang", "reply", "shown"),
    [
        (ONE, "en", "The lease begins on 1 March 2024", "The lease begins on 1 March 2024 [1]\n"),
        (ONE, "zh", "租约没有说明。", "租约没有说明。 [无出处]\n"),
        (TWO, "zh", "The heating was repaired in winter.", "… [notes [old].pdf 第2页:2]\n"),
        (ONE, "en", "The lease begins on 1 March 2024 and the tenant pays 1,250 euros.", "… [1-2]\n"),
        (ONE, "en", "Is it so?\n\n---\n", "Is it so?\n\n---\n"),
        (ONE, "en", "", "\n"),
    ],
)
def test_forms_of_marks(grounds: Grounds, lang: str, reply: str, shown: str) -> None:
    assert cited(grounds, reply, lang=lang) == shown.replace("…", reply)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(REPLY)), max_size=40))
def test_however_the_reply_comes_the_marks_are_the_same(cuts: list[int]) -> None:
    cuts.sort()
    pieces = [REPLY[a:b] for a, b in zip([0, *cuts], [*cuts, len(REPLY)], strict=True)]
    assert cited(TWO, *pieces) == MARKED


def test_a_statement_is_written_as_soon_as_it_ends() -> None:
    stream = io.StringIO()
    writer = CitedAnswer(PlainAnswer(stream), ONE, "en", is_markdown=False)
    writer.write("The tenant pays 1,250 eu")
    assert stream.getvalue() == ""
    writer.write("ros. An")
    assert stream.getvalue() == "The tenant pays 1,250 euros. [2]"


def test_marks_are_no_markdown_where_that_is_rendered() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    writer = CitedAnswer(
        RenderedAnswer(console), Grounds([("a*b_c*.txt", LEASE), ("b", "x")]), "en", is_markdown=True
    )
    writer.write("- The tenant pays 1,250 euros.(http://example.org)\n\n> Animals are not allowed.\n")
    writer.close()
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above
    assert "[a*b_c*.txt:3]" in shown
    assert "\\" not in shown


def test_a_table_gets_a_column_and_a_list_its_marks() -> None:
    table = View(
        kind="table",
        columns=("lines", "text"),
        rows=(("1", "rent of 1,250 euros"), ("2", "a pool")),
        totals={},
    )
    reply = '[{"lines": "1", "text": "rent of 1,250 euros"}, {"lines": "2", "text": "a heated pool"}]'
    schema = {"type": "array", "items": {"type": "object", "properties": {"lines": {"enum": ["1", "2"]}}}}
    shown = with_lines(table, Cited(ONE, read_reply(reply, schema), is_json=True), "en")
    assert shown.columns == ("lines", "text", "source lines")
    assert [row[-1] for row in shown.rows] == ["2", "no source"]
    block = View(kind="list", columns=("rent", "tags"), rows=(("1,250 euros", "animals, pools"),), totals={})
    reply = '{"rent": "1,250 euros", "tags": ["animals in the house", "pools"]}'
    shown = with_lines(block, Cited(ONE, read_reply(reply, {"type": "object"}), is_json=True), "en")
    assert shown.rows == (("1,250 euros [2]", "animals, pools [3] [no source]"),)


def test_ask(tmp_path: Path) -> None:
    path = tmp_path / "lease.txt"
    path.write_text(LEASE)
    question = "The tenant pays 1,250 euros."
    ended = run_chatterm("ask", "-m", "echo", "-f", str(path), "--cite", question)
    assert ended.out.endswith(f"\n{question} [2]\n")
    told = run_chatterm("ask", "-m", "echo", "-f", str(path), "--json", "--cite", question)
    shown = json.loads(told.out)
    assert shown["response"].endswith(f"\n{question}")
    [source] = shown["sources"]
    start, end = source.pop("span")
    assert shown["response"][start:end] == question
    place = {"document": 0, "name": "lease.txt", "lines": [2, 2], "page": None}
    assert source == {"text": question, "how": "quote", "places": [place]}
