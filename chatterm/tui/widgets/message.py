"""How one message of a conversation looks: who says it, what is said, and how it ended."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from chatterm.conversation import MessageNode, Status
from chatterm.sanitize import sanitize
from chatterm.tui.widgets.markdown_body import MarkdownBody

STATUS_NOTES: dict[Status, str] = {
    "complete": "",
    "streaming": "still being written by another chatterm",
    "stopped": "stopped",
    "interrupted": "interrupted: chatterm ended before the reply did",
    "failed": "failed",
}


class QuestionView(Vertical):
    """What the user said, as it was typed: never Markdown."""

    def __init__(self, text: str) -> None:
        super().__init__(classes="message question")
        self._text = text

    def compose(self) -> ComposeResult:
        yield Static(Content("You"), classes="speaker")
        yield Static(Content(sanitize(self._text)), classes="said")


class NoticeView(Static):
    """Something chatterm has to say between messages: an error, and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(Content(sanitize(text)), classes="message notice")


class ReplyView(Vertical):
    """A reply, which may still be growing."""

    def __init__(self, text: str = "", *, note: str = "", notices: Sequence[str] = ()) -> None:
        """`note` says how the reply ended; `notices` what the reader should know of it beforehand."""
        super().__init__(classes="message reply")
        self._notices = _Line("\n".join(notices), classes="notice")
        self._body = MarkdownBody(text)
        self._note = _Line(note, classes="note")
        self._stream: MarkdownStream | None = None

    def compose(self) -> ComposeResult:
        yield Static(Content("Assistant"), classes="speaker")
        yield self._notices
        yield self._body
        yield self._note

    def show_notices(self, notices: Sequence[str]) -> None:
        self._notices.show("\n".join(notices))

    def show_progress(self, text: str) -> None:
        """Say what is being waited for, until the first text comes."""
        if self._stream is None:
            self._note.show(text)

    async def grow(self, text: str) -> None:
        """Add text at the end. It appears as fast as it can be drawn."""
        if self._stream is None:
            self._note.show("")
            self._stream = Markdown.get_stream(self._body)
        await self._stream.write(text)

    async def end(self, text: str, note: str) -> None:
        """Show the whole `text`, and how it ended.

        What came in pieces is drawn anew: a line may have been drawn as something it turned out not to be.
        """
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        await self._body.update(text)
        self._note.show(note)


class _Line(Static):
    """Plain text that takes no room while it is empty."""

    def __init__(self, text: str, *, classes: str) -> None:
        super().__init__(Content(sanitize(text)), classes=classes)
        self.display = bool(text)

    def show(self, text: str) -> None:
        self.update(Content(sanitize(text)))
        self.display = bool(text)


def view_of(node: MessageNode, note: str = "") -> Widget:
    """Return the widget for a stored question or reply; `note` tells how it ended, if its status does not."""
    if node.message.role == "user":
        return QuestionView(node.message.content)
    return ReplyView(node.message.content, note=note or STATUS_NOTES[node.status])
