"""Sidebar: the list of conversations, newest first, by date."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from chatterm.sanitize import sanitize_line
from chatterm.store import ConversationSummary
from chatterm.tui.events import ConversationChosen

UNTITLED = "(untitled)"


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


class Sidebar(OptionList):
    """Posts ConversationChosen. Titles are foreign text: one line, and never markup."""

    def __init__(self) -> None:
        super().__init__(markup=False, compact=True)
        self.border_title = "Conversations"

    def show(self, conversations: Sequence[ConversationSummary], current_id: str | None) -> None:
        """List `conversations`, the current one highlighted, or what the user is looking at."""
        if self.has_focus and self.highlighted_option:
            current_id = self.highlighted_option.id
        self.clear_options()
        heading = None
        options: list[Option] = []
        for day, one in by_day(conversations, datetime.now().astimezone().date()):
            if day != heading:
                options.append(Option(Content.styled(day, "bold"), disabled=True))
                heading = day
            options.append(Option(Content(sanitize_line(one.title) or UNTITLED), id=one.id))
        self.add_options(options or [Option(Content("Nothing yet"), disabled=True)])
        listed = {option.id: index for index, option in enumerate(self.options)}
        self.highlighted = listed.get(current_id) if current_id else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id:
            self.post_message(ConversationChosen(event.option.id))
