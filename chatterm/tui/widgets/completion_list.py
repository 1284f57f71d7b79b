"""CompletionList: what may be put in place of the word at the cursor, shown above the composer."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from chatterm.tui.completion import Suggestion

_LABEL_WIDTH = 20


class CompletionList(OptionList, can_focus=False):
    """Hidden while it is empty. The composer's keys move in it; a click chooses, as OptionSelected."""

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._shown: Sequence[Suggestion] = ()

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def chosen(self) -> Suggestion | None:
        return self._shown[self.highlighted] if self.is_open and self.highlighted is not None else None

    def suggestion(self, index: int) -> Suggestion:
        return self._shown[index]

    def show(self, suggestions: Sequence[Suggestion]) -> None:
        """List `suggestions`, the first chosen; none hides the list."""
        if suggestions == self._shown:
            return
        self._shown = suggestions
        self.set_options([Option(_line(one)) for one in suggestions])
        self.display = bool(suggestions)
        self.highlighted = 0 if suggestions else None

    def hide(self) -> None:
        self.show(())

    def move(self, step: int) -> None:
        """Choose the next one, or the one before; after the last comes the first."""
        if self._shown and self.highlighted is not None:
            self.highlighted = (self.highlighted + step) % len(self._shown)


def _line(suggestion: Suggestion) -> Content:
    if not suggestion.detail:
        return Content(suggestion.label)
    return Content.assemble((f"{suggestion.label:<{_LABEL_WIDTH}} ", "bold"), (suggestion.detail, "dim"))
