"""ReplyShapes: gives replies their shape: tables for JSON, labels with probabilities, what checks found.

What the checks and the scoring of a reply said is kept as long as the app runs, not in the store: a
conversation of another day is shown without.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from chatterm.errors import StoreError
from chatterm.session import Scored
from chatterm.tui.check_words import score_lines, summary_lines
from chatterm.tui.parts import AppParts
from chatterm.tui.parts_state import PartsState
from chatterm.tui.widgets.message import ReplyView, body_of
from chatterm.tui.widgets.parts_line import PartsLine
from chatterm.tui.widgets.reply_extras import ChecksView, ScoresView, SourcesLine
from chatterm.tui.widgets.structured_reply import StructuredReply, marks_of

if TYPE_CHECKING:
    from chatterm.tasks import Checked
    from chatterm.tasks.views import View


_MARKS = "in brackets: the lines it rests on · F5 shows them"


@dataclass
class ReplyShaped(Message):
    """A reply in JSON is better shown so."""

    reply_id: str
    view: "View"


@dataclass
class ReplyMarked(Message):
    """The lines that a reply rests on are found."""

    reply_id: str
    text: str


class ReplyShapes:
    """Used by the handlers of one pane only. `post` hands it what threads found."""

    def __init__(self, parts: AppParts, post: Callable[[Message], object]) -> None:
        self._parts = parts
        self._post = post
        self._checked: dict[str, Checked] = {}
        self._scored: dict[str, Scored] = {}
        self._views: dict[str, View] = {}
        self._read: dict[str, PartsState] = {}
        self._marked: dict[str, str] = {}

    def checked_of(self, reply_id: str) -> "Checked | None":
        return self._checked.get(reply_id)

    def can_shape(self, reply_id: str) -> bool:
        return reply_id in self._views

    def dress(self, view: ReplyView) -> None:
        """Show what is known of a reply that is over. Whether it is a table is found out in a thread."""
        reply_id = view.message_id
        if scored := self._scored.get(reply_id):
            view.add_extra(ScoresView(score_lines(scored)))
        if checked := self._checked.get(reply_id):
            self._show_checks(view, checked)
        if parts := self._read.get(reply_id):
            view.add_extra(PartsLine(parts, is_over=True))
        if marked := self._marked.get(reply_id):
            self._post(ReplyMarked(reply_id, marked))
        text = view.said_text
        if shape := self._views.get(reply_id):
            self._post(ReplyShaped(reply_id, shape))
        elif reply_id and text.lstrip()[:1] in ("[", "{"):
            threading.Thread(target=self._shape, args=(reply_id, text), daemon=True).start()

    def parts_of(self, reply_id: str) -> PartsState | None:
        """Return what the parts of its documents gave, where they were read in parts."""
        return self._read.get(reply_id)

    def read_in_parts(self, reply_id: str, parts: PartsState) -> None:
        """Keep what the parts gave; `dress` tells of it. A reply that the store refused has no id."""
        if reply_id:
            self._read[reply_id] = parts

    def scored(self, reply_id: str, scored: Scored) -> None:
        """Keep how likely each label was; `dress` shows it."""
        self._scored[reply_id] = scored

    def checked(self, checked: "Checked", view: ReplyView | None) -> None:
        """Keep what was found, and show it in the reply's view."""
        if checked.reply_id:
            self._checked[checked.reply_id] = checked
            if checked.cited.grounds:
                threading.Thread(target=self._mark, args=(checked,), daemon=True).start()
        if view is not None:
            self._show_checks(view, checked)

    async def marked(self, event: ReplyMarked, view: ReplyView | None) -> None:
        """Show behind each statement of a reply the lines it rests on."""
        self._marked[event.reply_id] = event.text
        if view is not None and await view.show_marked(event.text):
            view.add_extra(SourcesLine(_MARKS))

    async def shaped(self, event: ReplyShaped, view: ReplyView | None) -> None:
        """Show a reply as a table or a list."""
        self._views[event.reply_id] = event.view
        if view is not None and not view.query(StructuredReply):
            await self._put(view, event.view)

    async def toggle(self, view: ReplyView) -> None:
        """Show the JSON of a reply in place of its table, and the table again."""
        shape = self._views.get(view.message_id)
        if view.query(StructuredReply):
            await view.put_body(body_of(_fenced(_indented(view.said_text))))
        elif shape:
            await self._put(view, shape)

    async def _put(self, view: ReplyView, shape: "View") -> None:
        checked = self._checked.get(view.message_id)
        await view.put_body(StructuredReply(shape, marks_of(checked.fields) if checked else None))

    def _show_checks(self, view: ReplyView, checked: "Checked") -> None:
        for table in view.query(StructuredReply):
            table.mark(marks_of(checked.fields))
        if lines := list(summary_lines(checked, self._parts.lang)):
            view.add_extra(ChecksView(lines))

    def _mark(self, checked: "Checked") -> None:
        """Post a reply with its lines, if it rests on any. Runs in a thread."""
        from chatterm.tui.sources import marked

        if text := marked(checked.cited, self._parts.lang):
            self._post(ReplyMarked(checked.reply_id, text))

    def _shape(self, reply_id: str, text: str) -> None:
        """Post the shape that its prompt gives a reply, if there is one. Runs in a thread."""
        from chatterm.tasks.views import view_of  # opening the app does without
        from chatterm.tui.sources import output_of

        try:
            output = output_of(self._parts.store, reply_id, self._parts.prompts)
        except StoreError:
            return  # the reply stays the text it is
        if output and (shape := view_of(text, output)):
            self._post(ReplyShaped(reply_id, shape))


def _fenced(text: str) -> str:
    """Return `text` as a code block that nothing in it can end."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 3)
    return f"{fence}json\n{text}\n{fence}"


def _indented(text: str) -> str:
    """Return JSON over several lines; what is none, as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text
