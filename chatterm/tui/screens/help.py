"""HelpScreen: every key that does something, and nothing else."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("Anywhere", ""),
    ("Esc", "stop the reply, or go back"),
    ("Ctrl+C", "copy a selection, or stop; twice: quit"),
    ("Ctrl+N", "new conversation"),
    ("Ctrl+O", "models: choose, fetch"),
    ("F3", "list of conversations"),
    ("Tab, Shift+Tab", "go between list, messages, composer"),
    ("Ctrl+P", "commands and themes"),
    ("F1", "open and close this help"),
    ("Ctrl+Q", "quit; what was said is kept"),
    ("Composer", ""),
    ("Enter", "send"),
    ("Shift+Enter, Alt+Enter, Ctrl+J", "new line"),
    ("Up, while it is empty", "bring back the last question"),
    ("Messages", ""),
    ("Up, Down, PgUp, PgDn", "scroll"),
    ("j, k", "next, previous message"),
    ("g, G", "top, end"),
    ("Conversations", ""),
    ("Up, Down, Enter", "choose one"),
)
"""Key and meaning; an empty meaning makes a heading."""


def help_text() -> Content:
    lines: list[Content] = []
    for key, meaning in KEYS:
        if meaning:
            lines.append(Content.assemble((f"  {key:<31} ", "bold"), meaning))
        else:
            lines.append(Content.assemble("\n" if lines else "", (key, "bold underline")))
    return Content("\n").join(lines)


class HelpScreen(ModalScreen[None]):
    """Shown over the chat, which goes on meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "dismiss_help", "Close", show=False)]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "Esc closes"
            yield Static(help_text())

    def action_dismiss_help(self) -> None:
        self.dismiss()
