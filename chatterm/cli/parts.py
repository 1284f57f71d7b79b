"""Tells on stderr how documents are read in parts, and prints what the parts gave where that is asked for."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatterm.cli.answer import print_safely
from chatterm.tasks.reading.events import (
    NotRead,
    Partial,
    PartRead,
    PartsProgress,
    QuestionKept,
    ReadingEvent,
    ReadingNotice,
    ReadingStopped,
)
from chatterm.tasks.reading.plan import Reading
from chatterm.tasks.reading.steps import Places
from chatterm.tasks.reading.words import kept_text, progress_text, stopped_text, unread_text


@dataclass(slots=True)
class PartsTold:
    """What came of reading in parts so far."""

    notice: Callable[[str], None]
    progress: Callable[[str], None]
    clear: Callable[[], None]
    """Takes the progress away, so that parts can be printed to the same terminal."""
    printed: Reading | None = None
    """What its parts give goes to stdout as it comes, in order."""
    is_private: bool = False
    partials: dict[int, Partial] = field(default_factory=dict)
    """By number, from 1."""
    not_read: list[NotRead] = field(default_factory=list)
    total: int = 0
    """Parts that there are; 0 where only some are read."""
    _num_printed: int = 0
    _places: Places | None = None

    def tell(self, event: ReadingEvent) -> None:
        """Tell of an event. Raises ReaderGone where nobody reads what is printed."""
        match event:
            case PartsProgress():
                self._tell_progress(event)
            case PartRead(partial=partial, number=number):
                self.partials[number] = partial
            case NotRead():
                self.not_read.append(event)
                self.notice(unread_text(event))
            case ReadingNotice(text=text):
                self.notice(text)
            case ReadingStopped():
                self.notice(stopped_text(event, is_private=self.is_private))
            case QuestionKept():
                pass
        if self.printed and self.total:
            self._print(self.printed)

    def end(self) -> None:
        """Say that the answer follows, where parts stand above it. Raises ReaderGone."""
        if self._num_printed:
            print_safely(sys.stdout, "--- answer ---")

    def _tell_progress(self, event: PartsProgress) -> None:
        if event.num_kept and not self.total:
            self.notice(kept_text(event))
        if event.step != "reduce":
            self.total = event.total
        self.progress(progress_text(event))

    def _print(self, reading: Reading) -> None:
        """Print the parts whose turn has come."""
        self._places = self._places or places_of(reading)
        while partial := self.partials.get(self._num_printed + 1):
            self._num_printed += 1
            place = self._places.of_chunk(partial.chunk)
            self.clear()
            head = f"--- part {self._num_printed:,}/{self.total:,}: {place} ---"
            text = f"[{partial.failure}]" if partial.is_failed else partial.text.strip()
            print_safely(sys.stdout, f"{head}\n{text}\n")


def places_of(reading: Reading) -> Places:
    """Return what says where parts stand: `report.txt, lines 120-168`."""
    return Places.of(reading.question.documents, "en")


def reading_object(reading: Reading, told: PartsTold, *, with_partials: bool) -> dict[str, Any]:
    """Return what `ask --json` adds for documents that were read in parts."""
    found: dict[str, Any] = {
        "strategy": reading.strategy,
        "parts": told.total,
        "not_read": [
            {"places": list(one.places), "lines": one.num_lines, "is_failure": one.is_failure}
            for one in told.not_read
        ],
    }
    if with_partials:
        found["partials"] = [
            _partial_object(told.partials[number], number) for number in sorted(told.partials)
        ]
    return found


def _partial_object(partial: Partial, number: int) -> dict[str, Any]:
    """Return a part as `ask --json --partials` prints it."""
    from chatterm.tasks.reading.facts import facts_of

    return {
        "part": number,
        "document": partial.chunk.name,
        "lines": [partial.chunk.first_line, partial.chunk.last_line],
        "title_path": list(partial.chunk.title_path),
        "text": partial.text,
        "failure": partial.failure or None,
        "facts": [
            {"text": fact.text, "lines": [fact.first_line, fact.last_line], "is_supported": fact.is_supported}
            for fact in facts_of(partial)
        ],
    }
