"""How one message of a conversation looks: who says it, what is said, and how it ended.

What would cost too much as Markdown, or as one block of text, is shown as it was typed, in rows that are
drawn as they come into sight.
"""

import asyncio
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from chatterm.sanitize import sanitize
from chatterm.store import BranchPoint
from chatterm.tui.active_path import Said
from chatterm.tui.foreign import one_line
from chatterm.tui.markdown_cost import MarkdownCost, is_too_much
from chatterm.tui.widgets.flow import Flow
from chatterm.tui.widgets.growing import MarkdownGrowth
from chatterm.tui.widgets.markdown_body import MarkdownBody
from chatterm.tui.widgets.plain_text import PlainText

AS_TYPED = "shown as it was written: this would take too long to draw as Markdown"

_MAX_BLOCK = 20_000
"""Characters of a question that is one block of text."""
_MAX_NOTICE = 4_000
_MAX_NAMES = 20


class MessageView(Flow):
    """A question or a reply, which can be selected."""

    def __init__(
        self, speaker: str, *, message_id: str = "", branch: BranchPoint | None = None, classes: str = ""
    ) -> None:
        super().__init__(classes=f"message {classes}")
        self.message_id = message_id
        """Empty while the store does not have it."""
        self._who = speaker
        self._speaker = Static(_speaker_line(speaker, branch), classes="speaker")

    @property
    def said_text(self) -> str:
        """What is said, as it came."""
        raise NotImplementedError

    def show_said(self, said: Said) -> None:
        """Show what is known of the message beside its text."""
        self._speaker.update(_speaker_line(self._who, said.branch))


class QuestionView(MessageView):
    """What the user said, as it was typed: never Markdown."""

    def __init__(
        self,
        text: str,
        *,
        attached: Sequence[str] = (),
        message_id: str = "",
        branch: BranchPoint | None = None,
        queued: str = "",
        note: str = "",
    ) -> None:
        """`queued` says that it waits to be sent, and how it is taken back; `note` what came of it."""
        super().__init__("You", message_id=message_id, branch=branch, classes="question")
        self._text = text
        self._attached = attached
        self._queued = queued
        self._note = _Line(note, classes="note")

    @property
    def said_text(self) -> str:
        return self._text

    @property
    def is_queued(self) -> bool:
        return bool(self._queued)

    def compose(self) -> ComposeResult:
        yield self._speaker
        if self._text or not self._attached:
            yield _block(self._text, classes="said")
        if self._attached:
            names = [f"[{one_line(name, 80)}]" for name in self._attached[:_MAX_NAMES]]
            if more := len(self._attached) - len(names):
                names.append(f"and {more} more")
            yield Static(Content(" ".join(names)), classes="attached")
        if self._queued:
            yield Static(Content(self._queued), classes="note")
        yield self._note

    def show_said(self, said: Said) -> None:
        super().show_said(said)
        self._note.show(said.note)

    def show_note(self, note: str) -> None:
        """Say what came of the question."""
        self._note.show(note)


class NoticeView(Static):
    """Something chatterm has to say between messages: an error, and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(Content(_notice(text)), classes="message notice")


class ReplyView(MessageView):
    """A reply, which may still be growing."""

    def __init__(  # noqa: PLR0913  # keyword-only
        self,
        text: str = "",
        *,
        note: str = "",
        notices: Sequence[str] = (),
        message_id: str = "",
        branch: BranchPoint | None = None,
        statistics: str = "",
        is_growing: bool = False,
    ) -> None:
        """`note` says how the reply ended; `notices` what the reader should know of it beforehand."""
        super().__init__("Assistant", message_id=message_id, branch=branch, classes="reply")
        self._pieces = [text]
        self._cost = MarkdownCost()
        self._cost.add(text)
        self._body: Widget = body_of("" if is_growing and not self._cost.is_too_much else text)
        self._is_growing = is_growing
        self._notices = _Line("\n".join(notices), classes="notice")
        self._hint = _Line(_hint(self._body), classes="hint")
        self._note = _Line(note, classes="note")
        self._statistics = _Line(statistics, classes="statistics")
        self._growth: MarkdownGrowth | None = None
        self._has_grown = False
        self._extras: list[Widget] = []
        """Shown below the text once the view is."""

    @property
    def said_text(self) -> str:
        return "".join(self._pieces)

    def compose(self) -> ComposeResult:
        yield self._speaker
        yield self._notices
        yield self._hint
        yield self._body
        yield from self._extras
        yield self._note
        yield self._statistics

    async def on_mount(self) -> None:
        # A body that grows must have grown from the beginning: what it was made with is not parsed again
        # together with what follows, and a list would lose its first items.
        if self._is_growing and isinstance(self._body, MarkdownBody) and self.said_text:
            await self._body.append(self.said_text)

    def on_unmount(self) -> None:
        if self._growth is not None:
            self._growth.drop()

    def show_said(self, said: Said) -> None:
        super().show_said(said)
        if said.node.status != "streaming":
            self._note.show(said.note)
            self._statistics.show(said.statistics)

    def show_notices(self, notices: Sequence[str]) -> None:
        self._notices.show("\n".join(notices))

    def show_progress(self, text: str) -> None:
        """Say what is being waited for, until the first text comes."""
        if not self._has_grown:
            self._note.show(text)

    def add_extra(self, extra: Widget) -> None:
        """Show `extra` below the text, in place of one of its kind."""
        self.add_class("-dressed")
        if self._note.is_attached:
            self.query_children(type(extra)).remove()
            self.mount(extra, before=self._note)
        else:
            self._extras = [one for one in self._extras if type(one) is not type(extra)] + [extra]

    async def put_body(self, body: Widget) -> None:
        """Show the reply by another widget: as it was written, as a table."""
        await self._stop_growth()
        old, self._body = self._body, body
        self._hint.show(_hint(body))
        if self.is_mounted:
            await self.mount(body, before=old)
            await old.remove()

    async def grow(self, text: str) -> None:
        """Add text at the end. It appears as fast as it can be drawn."""
        self._pieces.append(text)
        if not self.is_attached:
            return
        if not self._has_grown:
            self._has_grown = True
            self._note.show("")
        self._cost.add(text)
        if isinstance(self._body, MarkdownBody) and self._cost.is_too_much:
            await self.put_body(PlainText(self.said_text))
        elif isinstance(self._body, MarkdownBody):
            self._growth = self._growth or MarkdownGrowth(self._body)
            self._growth.write(text)
            await asyncio.sleep(0)  # let it be drawn
        elif isinstance(self._body, PlainText):
            await self._body.add(text)

    async def end(self, text: str, note: str) -> None:
        """Show the whole `text`, and how it ended.

        What came in pieces is drawn anew: a line may have been drawn as something it turned out not to be.
        """
        self._pieces = [text]
        if not self.is_attached:
            return
        await self._stop_growth()
        if isinstance(self._body, MarkdownBody) and not is_too_much(text):
            await self._body.update(text)
        elif isinstance(self._body, PlainText):
            await self._body.replace(text)
        else:
            await self.put_body(PlainText(text))
        self._note.show(note)

    async def show_marked(self, text: str) -> bool:
        """Show the reply with marks in its text; what it says stays what it was. False: it takes none."""
        await self._stop_growth()
        if not (isinstance(self._body, MarkdownBody) and self._body.is_attached) or is_too_much(text):
            return False
        await self._body.update(text)
        return True

    async def _stop_growth(self) -> None:
        if self._growth is not None:
            growth, self._growth = self._growth, None
            await growth.stop()


class _Line(Static):
    """Plain text that takes no room while it is empty."""

    def __init__(self, text: str, *, classes: str) -> None:
        super().__init__(Content(_notice(text)), classes=classes)
        self.set_class(not text, "-empty")

    def show(self, text: str) -> None:
        self.update(Content(_notice(text)))
        self.set_class(not text, "-empty")


def body_of(text: str) -> Widget:
    """Return the widget that shows what a reply says. The one place where that is chosen."""
    return PlainText(text) if is_too_much(text) else MarkdownBody(text)


def view_of(said: Said) -> MessageView:
    """Return the widget for a stored question or reply."""
    node = said.node
    if said.is_question:
        return QuestionView(
            said.text, attached=said.attached, message_id=node.id, branch=said.branch, note=said.note
        )
    return ReplyView(
        said.text, note=said.note, message_id=node.id, branch=said.branch, statistics=said.statistics
    )


def _block(text: str, *, classes: str) -> Widget:
    if len(text) > _MAX_BLOCK:
        return PlainText(text)
    return Static(Content(sanitize(text)), classes=classes)


def _hint(body: Widget) -> str:
    return AS_TYPED if isinstance(body, PlainText) else ""


def _speaker_line(name: str, branch: BranchPoint | None) -> Content:
    return Content(f"{name}  < {branch.number}/{branch.total} >" if branch else name)


def _notice(text: str) -> str:
    """Return a notice without its end where it is too long to be one: an error may quote a whole file."""
    shown = sanitize(text[:_MAX_NOTICE])
    more = len(text) - _MAX_NOTICE
    return f"{shown}… ({more:,} characters more)" if more > 0 else shown
