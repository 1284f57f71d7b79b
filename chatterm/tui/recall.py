"""Recall: earlier questions, brought back one by one. It knows no widget."""

from collections.abc import Iterable


class Recall:
    """Walks back through what was asked, and forward again to an empty composer."""

    def __init__(self) -> None:
        self._questions: list[str] = []
        self._index = 0
        """Of the one that is shown; the number of questions where none is."""

    def refill(self, questions: Iterable[str]) -> None:
        """Let the questions of the conversation on screen come last, as if they were asked just before."""
        known = [text for text in questions if text.strip()]
        self._questions = [text for text in self._questions if text not in known] + known
        self._index = len(self._questions)

    def add(self, question: str) -> None:
        """Let `question` be the first that comes back."""
        self.refill([question])

    @property
    def shown(self) -> str | None:
        """The question that is shown; None at the end, where the composer is empty."""
        return self._questions[self._index] if self._index < len(self._questions) else None

    def earlier(self) -> str | None:
        """Go back by one; None where there is none before."""
        if self._index == 0:
            return None
        self._index -= 1
        return self.shown

    def later(self) -> str | None:
        """Go forward by one: after the last comes an empty composer; None where it is empty already."""
        if self._index >= len(self._questions):
            return None
        self._index += 1
        return self.shown or ""

    def rewind(self) -> None:
        """Begin at the last question again."""
        self._index = len(self._questions)
