"""StatusLine: the model, how full its context is, how fast it writes, and the keys that matter now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from chatterm.sanitize import sanitize_line
from chatterm.tui.events import Phase
from chatterm.tui.key_map import key_name

NARROW = 100
"""Columns below which the list folds away and the line is kept short."""

EngineState = Literal["opening", "failed", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the status line tells. Counts are in tokens."""

    model: str
    engine: EngineState = "opening"
    phase: Phase = "idle"
    used: int | None = None
    """None where it is not known."""
    planned: int | None = None
    """What the draft would make of it; None where there is none, or it is not counted yet."""
    is_too_long: bool = False
    """The draft would not fit."""
    total: int | None = None
    is_exact: bool = True
    tokens_per_s: float | None = None
    is_private: bool = False
    reading: str = ""
    """How far documents are read in parts."""


def facts_text(facts: Facts) -> str:
    """Return the left part of the line, the most important first: what is too long is cut at its end."""
    parts = ["PRIVATE", facts.model] if facts.is_private else [facts.model]
    if facts.engine == "opening":
        parts.append("opening the model…")
    elif facts.engine == "failed":
        parts.append("not open")
    if facts.reading:
        parts.append(facts.reading)
    elif facts.total is not None:
        used = "–" if facts.used is None else f"{'' if facts.is_exact else '~'}{facts.used:,}"
        planned = "" if facts.planned is None else f" → {facts.planned:,}"
        too_long = " too long" if facts.is_too_long else ""
        parts.append(f"context {used}{planned} / {facts.total:,}{too_long}")
    if facts.tokens_per_s:
        parts.append(f"{facts.tokens_per_s:,.0f} tok/s")
    return " · ".join(parts)


_KEYS = {
    "composer.send": "Enter", "chat.back": "Esc", "chat.new": "^N", "chat.list": "F3", "chat.help": "F1",
    "app.quit": "^Q",
}  # fmt: skip
"""Keys that the line names, where they are not remapped."""


def keys_text(phase: Phase, keymap: Mapping[str, str], *, is_narrow: bool) -> str:
    """Return the right part: the keys that matter in `phase`. `keymap` has those that are remapped."""
    remapped = {action: key_name(keymap[action].split(",")[0]) for action in _KEYS if action in keymap}
    keys = _KEYS | remapped
    stop = [] if phase == "idle" else [f"{keys['chat.back']} stop"]
    if is_narrow:
        return "  ".join([*stop, f"{keys['chat.list']} list", f"{keys['chat.help']} help"])
    first = stop or [f"{keys['composer.send']} send"]
    return "  ".join(
        [*first, f"{keys['chat.new']} new", f"{keys['chat.help']} help", f"{keys['app.quit']} quit"]
    )


class StatusLine(Horizontal):
    """One line at the bottom of the screen."""

    facts: var[Facts] = var(Facts(model=""))

    def compose(self) -> ComposeResult:
        yield Static(id="facts")
        yield Static(id="keys")

    def watch_facts(self, facts: Facts) -> None:
        if self.is_mounted:
            self.query_one("#facts", Static).update(Content(sanitize_line(facts_text(facts))))
            # Where the chat screen is: others have no keys of their own to name.
            keymap: Mapping[str, str] = getattr(self.screen, "keymap", {})
            keys = keys_text(facts.phase, keymap, is_narrow=self.app.size.width < NARROW)
            self.query_one("#keys", Static).update(Content(keys))

    def on_resize(self) -> None:
        self.watch_facts(self.facts)
