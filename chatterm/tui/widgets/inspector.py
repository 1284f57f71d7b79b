"""Inspector: what is known of a reply beyond its text. A panel at the right, brought by a key."""

import asyncio

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize
from chatterm.store import ConversationStore
from chatterm.tui.inspecting import Section, inspect_reply

NOTHING = "Nothing to inspect yet: ask something."


class Inspector(VerticalScroll, can_focus=False):
    """Reads from the store in the background, and only while it is open."""

    def __init__(self, store: ConversationStore) -> None:
        super().__init__()
        self._store = store
        self._shown = Static(Content(NOTHING))
        self.is_open = False

    def compose(self) -> ComposeResult:
        yield Static(Content("Inspector"), classes="heading")
        yield self._shown

    def show(self, reply_id: str) -> None:
        """Show what is known of a reply; an empty id is none."""
        if self.is_open:
            self.run_worker(self._read(reply_id), exclusive=True, group="inspector")

    async def _read(self, reply_id: str) -> None:
        try:
            sections = await asyncio.to_thread(inspect_reply, self._store, reply_id) if reply_id else []
        except ChattermError as error:
            self._shown.update(Content(sanitize(str(error))))
        else:
            self._shown.update(_content(sections) if sections else Content(NOTHING))


def _content(sections: list[Section]) -> Content:
    lines: list[Content] = []
    for section in sections:
        lines.append(Content.styled(("\n" if lines else "") + section.title, "bold"))
        lines += [
            Content.assemble((f"{sanitize(name)} ", "dim"), sanitize(value)) for name, value in section.rows
        ]
    return Content("\n").join(lines)
