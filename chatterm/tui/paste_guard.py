"""PasteGuard: keeps escape characters in a paste from being read as keys.

Textual 8.2 reads them as the beginning of a key also within a bracketed paste, and presses what follows as
keys: a part of the pasted text would be sent as a question. Many terminals take them out of what is
pasted; tmux and screen do not.
"""

from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

_ESCAPE, _SHOWN = "\x1b", "␛"
_START, _END = "\x1b[200~", "\x1b[201~"


class PasteGuard:
    """Reads what a terminal sends, in pieces cut anywhere."""

    def __init__(self) -> None:
        self._is_pasting = False
        self._last = ""
        """What came last outside a paste: the beginning of one may be cut."""
        self._held = ""
        """What may be the beginning of a paste's end."""

    def passed(self, text: str) -> str:
        """Return `text` with a sign in place of each escape character that is pasted."""
        text, self._held = self._held + text, ""
        passed: list[str] = []
        while text:
            take = self._take_pasted if self._is_pasting else self._take_typed
            taken, text = take(text)
            passed.append(taken)
        return "".join(passed)

    def _take_typed(self, text: str) -> tuple[str, str]:
        """Return what is passed on, and what is left: all up to where a paste begins."""
        seen = self._last + text
        found = seen.find(_START)
        if found < 0:
            self._last = seen[1 - len(_START) :]
            return text, ""
        end = found + len(_START) - len(self._last)
        self._is_pasting, self._last = True, ""
        return text[:end], text[end:]

    def _take_pasted(self, text: str) -> tuple[str, str]:
        before, escape, _ = text.partition(_ESCAPE)
        rest = text[len(before) :]
        if not escape:
            return before, ""
        if rest.startswith(_END):
            self._is_pasting = False
            return before + _END, rest[len(_END) :]
        if _END.startswith(rest):
            self._held = rest
            return before, ""
        return before + _SHOWN, rest[1:]


class _GuardedParser(XTermParser):
    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._guard = PasteGuard()

    def feed(self, data: str) -> Iterable[Message]:
        passed = self._guard.passed(data)
        return super().feed(passed) if passed or not data else ()  # nothing at all would be the input's end


def guard_pastes() -> None:
    """Let the app's terminal be read so. Harmless when repeated."""
    linux_driver.XTermParser = _GuardedParser  # type: ignore[attr-defined]  # it offers no other way
