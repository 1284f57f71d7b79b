"""HelpScreen: every key that does something and every slash command, read from where they are defined."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatterm.tui.commands import COMMANDS
from chatterm.tui.key_map import actions

Row = tuple[str, str]
"""Keys and their meaning."""

TEXTUALS: Mapping[str, Sequence[Row]] = {
    "Anywhere": (("Tab, Shift+Tab", "go between list, messages, composer"),),
    "Composer": (
        ("Up, while it is empty", "earlier questions; Down goes back"),
        ("/ and @", "complete commands, and files to attach"),
    ),
    "Messages": (("Up, Down, PgUp, PgDn", "scroll"),),
    "Conversations": (("Up, Down, Enter", "choose one"),),
}
"""What keys do that no binding stands for."""

_KEY_CELLS = 27


def help_rows(keymap: Mapping[str, str]) -> Iterator[tuple[str, Sequence[Row]]]:
    """Yield each area with its rows; keys are those of `keymap`, where it has them."""
    for area, found in groupby(actions(keymap), lambda action: action.area):
        own = [(action.shown_keys, action.meaning) for action in found]
        yield area, [*own, *TEXTUALS.get(area, ())]


def command_rows() -> Sequence[Row]:
    """Return the slash commands of the composer."""
    return [(command.usage, command.help) for command in COMMANDS]


def help_text(areas: Sequence[tuple[str, Sequence[Row]]]) -> Content:
    lines: list[Content] = []
    for area, rows in areas:
        lines.append(Content.assemble("\n" if lines else "", (area, "bold underline")))
        for keys, meaning in rows:
            is_long = len(keys) > _KEY_CELLS
            if is_long:
                lines.append(Content.styled(f"  {keys}", "bold"))
            lines.append(Content.assemble((f"  {'' if is_long else keys:<{_KEY_CELLS}} ", "bold"), meaning))
    return Content("\n").join(lines)


class HelpScreen(ModalScreen[None]):
    """Shown over the chat, which goes on meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss_help", "Close the help", show=False, id="help.close")
    ]

    def __init__(self, keymap: Mapping[str, str]) -> None:
        """`keymap` has the keys of actions where they are not the app's own."""
        super().__init__()
        self._areas = [*help_rows(keymap), ("Commands, at the beginning of a message", command_rows())]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "Esc closes, Down reads on"
            yield Static(help_text(self._areas))

    def on_mount(self) -> None:
        self.query_one("#help").focus()

    def action_dismiss_help(self) -> None:
        self.dismiss()
