"""Keys that Textual's parser takes for others."""

from enum import StrEnum

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

NEWLINE_KEYS = frozenset({"shift+enter", "alt+enter", "ctrl+j", "ctrl+enter", "shift+\r"})
"""What makes a new line in the composer. The last is Shift+Enter as xterm reports it (modifyOtherKeys)."""


class _MoreKeys(StrEnum):
    ALT_ENTER = "alt+enter"


def teach_alt_enter() -> None:
    """Tell Alt+Enter from Enter where the terminal sends ESC CR for it; Textual 8.2 drops the ESC.

    Without this, who asks for a new line sends half a message. Harmless when repeated.
    """
    # The table's type knows only Textual's own keys; its reader uses nothing but `value`.
    ANSI_SEQUENCES_KEYS.setdefault("\x1b\r", (_MoreKeys.ALT_ENTER,))  # type: ignore[attr-defined]
