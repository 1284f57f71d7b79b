"""What stands below a reply's text: probabilities of labels, what the checks found, where its lines are."""

from collections.abc import Iterable

from textual.content import Content
from textual.widgets import Static

from chatterm.sanitize import sanitize


class ScoresView(Static):
    """The labels of a scored reply, a line each."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__(Content(sanitize("\n".join(lines))), classes="scores")


class ChecksView(Static):
    """What was verified in a reply and what was not, in words and signs."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__(Content(sanitize("\n".join(lines))), classes="checks")


class SourcesLine(Static):
    """How the lines that a reply rests on are shown."""

    def __init__(self, text: str) -> None:
        super().__init__(Content(text), classes="sources")
