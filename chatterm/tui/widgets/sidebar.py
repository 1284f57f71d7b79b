"""Sidebar: the list of conversations, newest first, by date."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from chatterm.store import ConversationSummary
from chatterm.tui.events import ConversationChosen
from chatterm.tui.foreign import one_line, title_line
from chatterm.tui.listing import Listed

MARK = "✓ "
_AHEAD = 30
"""So close to the end of what is listed more is asked for."""


def day_name(updated: str, today: date) -> str:
    """Return the heading for a time in ISO 8601, in the reader's own time zone."""
    age = (today - datetime.fromisoformat(updated).astimezone().date()).days
    if age <= 0:
        return "Today"
    if age == 1:
        return "Yesterday"
    return "This week" if age < 7 else "Earlier"


def by_day(
    conversations: Sequence[ConversationSummary], today: date
) -> Iterator[tuple[str, ConversationSummary]]:
    """Yield each conversation with its heading: pinned ones first, then as they came."""
    for one in sorted(conversations, key=lambda one: not one.pinned):
        yield ("Pinned" if one.pinned else day_name(one.updated, today)), one


def row_of(one: ConversationSummary, *, is_marked: bool = False) -> Content:
    """Return the line of a conversation: its title, then its tags."""
    tags = "".join(f" #{one_line(tag, 50)}" for tag in one.tags)
    mark = MARK if is_marked else ""
    return Content.assemble(mark, title_line(one.title), tags)


class Sidebar(OptionList):
    """Posts ConversationChosen and EndNeared. Titles are foreign text: one line, and never markup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark one of several", show=False, id="list.mark"),
    ]

    class EndNeared(Message):
        """The end of what is listed is close; there may be more."""

    def __init__(self) -> None:
        super().__init__(markup=False, compact=True)
        self._marked: set[str] = set()
        self._shown: list[tuple[str, ConversationSummary]] = []
        """With their headings."""

    @property
    def highlighted_id(self) -> str | None:
        option = self.highlighted_option
        return option.id if option else None

    @property
    def chosen_ids(self) -> list[str]:
        """The marked conversations; without any, the one under the cursor."""
        listed = [one.id for _, one in self._shown]
        marked = [identity for identity in listed if identity in self._marked]
        return marked or [identity for identity in (self.highlighted_id,) if identity]

    def summary(self, conversation_id: str) -> ConversationSummary | None:
        return next((one for _, one in self._shown if one.id == conversation_id), None)

    def show(self, listed: Listed, current_id: str | None, *, nothing: str = "Nothing yet") -> None:
        """List conversations, the current one highlighted, or what the user is looking at."""
        rows = list(by_day(listed.conversations, datetime.now().astimezone().date()))
        looked_at = self.highlighted_id if self.has_focus else None
        kept = len(self._shown)
        if kept and rows[:kept] == self._shown:
            self.add_options(self._options_of(rows[kept:], self._shown[-1][0]))
            self._shown = rows
        else:
            looked_at = self._show_anew(rows, nothing, looked_at)
        self._go_to(looked_at or current_id)

    def action_mark(self) -> None:
        """Mark the conversation under the cursor for what is done next, and go on to the next one."""
        if identity := self.highlighted_id:
            self._marked ^= {identity}
            self._draw_row(identity)
            self.action_cursor_down()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id:
            self.post_message(ConversationChosen(event.option.id))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._shown and new_value + self.size.height + _AHEAD >= self.virtual_size.height:
            self.post_message(self.EndNeared())

    def _show_anew(
        self, rows: list[tuple[str, ConversationSummary]], nothing: str, looked_at: str | None
    ) -> str | None:
        """Draw all rows; return what is looked at, or its neighbour where that is gone."""
        listed = {one.id for _, one in rows}
        if looked_at and looked_at not in listed:
            looked_at = self._neighbour(self.get_option_index(looked_at), listed)
        line = self.scroll_y
        self._shown, self._marked = rows, self._marked & listed
        self.set_options(self._options_of(rows, None) or [Option(Content(nothing), disabled=True)])
        self.scroll_to(y=line, animate=False)
        return looked_at

    def _neighbour(self, index: int, listed: set[str]) -> str | None:
        """Return what is nearest to the place of one that is gone, below before above."""
        below = [option.id for option in self.options[index + 1 :]]
        above = [option.id for option in reversed(self.options[:index])]
        return next((identity for identity in [*below, *above] if identity in listed), None)

    def _options_of(
        self, rows: Sequence[tuple[str, ConversationSummary]], heading: str | None
    ) -> list[Option]:
        """Return the options that follow one below `heading`."""
        options: list[Option] = []
        for day, one in rows:
            if day != heading:
                options.append(Option(Content.styled(day, "bold"), disabled=True))
                heading = day
            options.append(Option(row_of(one, is_marked=one.id in self._marked), id=one.id))
        return options

    def _draw_row(self, identity: str) -> None:
        if one := self.summary(identity):
            self.replace_option_prompt(identity, row_of(one, is_marked=identity in self._marked))

    def _go_to(self, identity: str | None) -> None:
        is_listed = identity is not None and identity in self._id_to_option
        self.highlighted = self.get_option_index(identity) if is_listed and identity else None
