"""MarkdownBody: a model's text as Markdown, made inert.

Textual's Markdown shows what it is given. This one sanitises first, shows HTML as the text it is, opens no
link, never guesses the language of a code block (a guess tries hundreds of lexers at each update), and puts
no table cell into a tooltip (a tooltip reads markup).
"""

from markdown_it import MarkdownIt
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.content import Content
from textual.widgets import Markdown

# Tables have no public name in Textual 8.2.
from textual.widgets._markdown import MarkdownBlock, MarkdownFence, MarkdownTable, MarkdownTableContent

from chatterm.sanitize import Sanitizer, sanitize
from chatterm.tui.widgets.flow import Flowing

MAX_HIGHLIGHTED = 6_000
"""Characters of a code block that is coloured. It is coloured anew at each update while it streams."""


class _Fence(MarkdownFence):
    """A code block whose language is the first word after the fence, or none."""

    @classmethod
    def highlight(cls, code: str, language: str, ansi: bool = False, dark: bool = False) -> Content:
        if len(code) > MAX_HIGHLIGHTED:
            return Content(code)
        named = language.split()
        return super().highlight(code, named[0] if named else "text", ansi, dark)


class _TableContent(MarkdownTableContent):
    """The cells of a table, without tooltips."""

    def compose(self) -> ComposeResult:
        for cell in super().compose():
            cell.tooltip = None
            yield cell


class _Table(MarkdownTable):
    """A table that may also shrink while it streams: a line can begin as a row and turn out to be a list."""

    def compose(self) -> ComposeResult:
        self._headers, self._rows = self._get_headers_and_rows()
        yield _TableContent(self._headers, self._rows)

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        if isinstance(block, MarkdownTable) and len(block._get_headers_and_rows()[1]) < len(self._rows):
            await MarkdownBlock._update_from_block(self, block)
        else:
            await super()._update_from_block(block)


def _parser() -> MarkdownIt:
    return MarkdownIt("gfm-like", {"html": False})


class MarkdownBody(Flowing, Markdown):
    """Shows Markdown that may grow at its end. Clicked links are posted as LinkClicked, and not opened."""

    BLOCKS = Markdown.BLOCKS | {"fence": _Fence, "code_block": _Fence, "table_open": _Table}

    def __init__(self, markdown: str = "") -> None:
        super().__init__(sanitize(markdown), parser_factory=_parser, open_links=False)
        self._sanitizer = Sanitizer()

    def update(self, markdown: str) -> AwaitComplete:
        return super().update(sanitize(markdown))

    def append(self, markdown: str) -> AwaitComplete:
        return super().append(self._sanitizer.feed(markdown))
