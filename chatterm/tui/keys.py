"""Keys that Textual's parser takes for others."""

from enum import StrEnum

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

from chatterm.config import Config

NEWLINE_KEYS = frozenset({"shift+enter", "alt+enter", "ctrl+j", "ctrl+enter"})
"""What makes a new line in the composer."""

MISREAD = {"shift+\r": "shift+enter"}
"""Shift+Enter as xterm reports it (modifyOtherKeys), by Textual's name."""

_LINE_FIRST = {
    "composer.send": ",".join(sorted(NEWLINE_KEYS - {"ctrl+j"})),
    "composer.newline": "enter,ctrl+j",
}
"""Enter makes a new line, and what makes one otherwise sends."""


def keymap_of(config: Config) -> dict[str, str]:
    """Return the keys of actions where they are not the app's own; those in the table `[keys]` win."""
    return dict(config.keys) if config.enter_sends else {**_LINE_FIRST, **config.keys}


class _MoreKeys(StrEnum):
    ALT_ENTER = "alt+enter"


def teach_alt_enter() -> None:
    """Tell Alt+Enter from Enter where the terminal sends ESC CR for it; Textual 8.2 drops the ESC.

    Without this, who asks for a new line sends half a message. Harmless when repeated.
    """
    # The table's type knows only Textual's own keys; its reader uses nothing but `value`.
    ANSI_SEQUENCES_KEYS.setdefault("\x1b\r", (_MoreKeys.ALT_ENTER,))  # type: ignore[attr-defined]
