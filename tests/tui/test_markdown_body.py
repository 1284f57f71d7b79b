"""A body that grew in pieces shows what it would show whole."""

from collections.abc import Iterator

import pytest
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from chatterm.tui.widgets.markdown_body import MarkdownBody

DOCUMENTS = [
    "# Title\n\nSome *text* with `code`.\n\n- one\n- two\n  - deeper\n\n1. first\n2. second\n",
    "```python\nprint('x')\n```\n\nafter\n\n    indented code\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\nafter\n",
    "> quoted\n> more\n\n***\n\nend\r\nof lines\r\n",
    "```\nno language\n```\n```no-such-language {1}\nx\n```\n~~~\nnever closed\n",
    "中文 **粗体** 和 `代码`。\n\n- 一\n- 二\n",
]


class BodyApp(App[None]):
    def compose(self) -> ComposeResult:
        yield VerticalScroll()


def shown(body: MarkdownBody) -> list[str]:
    """The texts of a body's blocks, from the top."""

    def texts() -> Iterator[str]:
        for widget in body.walk_children(Static):
            content = widget.visual
            if isinstance(content, Content) and content.plain.strip():
                yield content.plain.rstrip()

    return list(texts())


@pytest.mark.parametrize("step", [1, 3, 7])
async def test_in_pieces_it_shows_what_it_shows_whole(step: int) -> None:
    app = BodyApp()
    async with app.run_test() as pilot:
        for document in DOCUMENTS:
            grown, whole = MarkdownBody(), MarkdownBody(document)
            await app.query_one(VerticalScroll).mount(grown, whole)
            for start in range(0, len(document), step):
                await grown.append(document[start : start + step])
            await pilot.pause()
            assert shown(grown) == shown(whole)
            assert shown(whole)


async def test_a_row_that_turns_out_to_be_a_list_leaves_the_table() -> None:
    app = BodyApp()
    async with app.run_test() as pilot:
        body = MarkdownBody()
        await app.query_one(VerticalScroll).mount(body)
        for piece in ("| a | b |\n|---|---|\n| 1 | 2 |\n", "1", ". item\n"):
            await body.append(piece)
        await pilot.pause()
        assert shown(body)[:4] == ["a", "b", "1", "2"]
        assert "item" in shown(body)[-1]


async def test_line_ends_cut_in_two_are_one() -> None:
    app = BodyApp()
    async with app.run_test():
        body = MarkdownBody()
        await app.query_one(VerticalScroll).mount(body)
        for piece in ("one\r", "\ntwo\x1b", "[31m"):
            await body.append(piece)
        assert body.source == "one\ntwo␛[31m"


async def test_a_long_code_block_is_shown_whole_though_not_coloured() -> None:
    code = "\n".join(f"print({number})" for number in range(1_000))
    app = BodyApp()
    async with app.run_test() as pilot:
        body = MarkdownBody(f"```python\n{code}\n```\n")
        await app.query_one(VerticalScroll).mount(body)
        await pilot.pause()
        assert shown(body) == [code]
