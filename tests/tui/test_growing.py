"""What makes a long reply cheap to draw while it grows, and that nothing of it is lost thereby."""

import asyncio

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.widgets import Markdown, Static

from chatterm.tui.widgets.flow import Flow
from chatterm.tui.widgets.growing import MarkdownGrowth
from chatterm.tui.widgets.markdown_body import MarkdownBody
from chatterm.tui.widgets.message import ReplyView

TEXT = """# A heading

Some *text* that is long enough to need several lines where the screen is narrow, with `code` in it.

- one
- two
  1. nested

> quoted

```python
print("hello")
```

| a | b |
|---|---|
| 1 | 2 |

---

The end.
"""


class Counted(Flow):
    """Counts how often it is measured."""

    num_measured = 0

    def compose(self) -> ComposeResult:
        yield Static("one")
        yield Static("two")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        self.num_measured += 1
        return super().get_content_height(container, viewport, width)


class Shown(App[None]):
    CSS = "Flow { height: auto; }"

    def __init__(self, *widgets: Static | Flow | Markdown) -> None:
        super().__init__()
        self._widgets = widgets

    def compose(self) -> ComposeResult:
        with Flow():
            yield from self._widgets


async def test_what_stands_beside_growing_text_is_not_measured_again() -> None:
    counted, growing = Counted(), Static("line")
    app = Shown(counted, growing)
    async with app.run_test() as pilot:
        await pilot.pause()
        before = counted.num_measured
        assert before
        for number in range(2, 6):
            growing.update("\n".join(["line"] * number))
            await pilot.pause()
            assert growing.size.height == number
        assert counted.num_measured == before


@pytest.mark.parametrize("size", [(80, 24), (30, 10)])
async def test_blocks_stand_where_textual_puts_them(size: tuple[int, int]) -> None:
    ours, theirs = MarkdownBody(TEXT), Markdown(TEXT, parser_factory=None)
    places = []
    for body in (ours, theirs):
        async with Shown(body).run_test(size=size) as pilot:
            await pilot.pause()
            places.append([(type(one).__name__.lstrip("_"), one.region.y) for one in body.children])
            assert body.size.height == body.virtual_size.height > 10
    assert [y for _, y in places[0]] == [y for _, y in places[1]]


async def test_pieces_written_faster_than_drawn_are_all_there() -> None:
    body = MarkdownBody()
    async with Shown(body).run_test():
        growth = MarkdownGrowth(body)
        for number in range(200):
            growth.write(f"word{number} ")
            if number % 7 == 0:
                await asyncio.sleep(0.001)
        await growth.stop()
        assert body.source == "".join(f"word{number} " for number in range(200))


async def test_the_first_piece_is_drawn_without_another() -> None:
    body = MarkdownBody()
    async with Shown(body).run_test() as pilot:
        growth = MarkdownGrowth(body)
        growth.write("first")
        while body.source != "first":
            await pilot.pause(0.01)
        growth.write(" second")
        while body.source != "first second":
            await pilot.pause(0.01)
        await growth.stop()


async def test_stopping_before_anything_came_is_harmless() -> None:
    body = MarkdownBody()
    async with Shown(body).run_test():
        growth = MarkdownGrowth(body)
        await growth.stop()
        assert body.source == ""


async def test_a_reply_that_leaves_the_screen_leaves_no_task_behind() -> None:
    reply = ReplyView(is_growing=True)
    async with Shown(reply).run_test() as pilot:
        await reply.grow("one")
        assert growing_tasks()
        await reply.remove()
        await pilot.pause()
        assert not growing_tasks()


async def test_marks_are_shown_only_where_the_reply_is_markdown() -> None:
    short, long = ReplyView("One."), ReplyView("One. " * 2_000)
    async with Shown(short, long).run_test():
        assert await short.show_marked("One. [2]")
        assert not await long.show_marked("One. [2]" * 2_000)
        assert short.said_text == "One."


def growing_tasks() -> list[str]:
    return [repr(task) for task in asyncio.all_tasks() if "MarkdownGrowth._run" in repr(task)]
