"""ContextDialog: a question does not fit, and the user says what is to become of it."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from chatterm.sanitize import sanitize
from chatterm.tui.context import Overflow
from chatterm.tui.context_gate import Choice, ContextExceeded
from chatterm.tui.foreign import one_line
from chatterm.tui.parts_offer import PartsOffer, offer_text

_NAMED = 5
"""So many of the turns are named; of more the number."""
_NAME_CHARS = 60


def told(overflow: Overflow) -> str:
    """Say what does not fit, and which turns would have to be left out."""
    use = overflow.use
    what = f"This question takes {use.asked:,} tokens"
    if use.whole > use.asked:
        what += f", {use.whole:,} with the conversation so far"
    reply = use.context_length - use.limit
    room = f"{use.limit:,} fit ({use.context_length:,} of context, less {reply:,} for the reply)"
    lines = [f"{what}. {room}."]
    if overflow.dropped:
        lines += ["", "To make it fit, the model would not read:", *_names(overflow.dropped)]
    return "\n".join(lines)


def choices(
    overflow: Overflow, *, can_lengthen: bool, offer: PartsOffer | None = None
) -> Iterator[tuple[Choice, str]]:
    """Yield what can be done, as it is listed."""
    in_parts: list[tuple[Choice, str]] = []
    if offer:
        in_parts.append(("parts", f"Read it in parts: {offer_text(offer)}"))
    if overflow.error:
        yield from in_parts
    if number := len(overflow.dropped):
        turns = "the oldest turn" if number == 1 else f"the {number} oldest turns"
        yield "drop", f"Leave out {turns}, later more"
    if overflow.longer and can_lengthen:
        yield "longer", f"Open the model again with a context of {overflow.longer:,} tokens"
    if not overflow.error:
        yield from in_parts
    yield "back", "Go back to the question"


class ContextDialog(ModalScreen[Choice]):
    """Returns what was chosen; the text that was typed stays, whatever it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "dismiss('back')", "Go back to the question", show=False, id="context.back"),
    ]

    def __init__(self, event: ContextExceeded) -> None:
        super().__init__()
        self._event = event
        self._choices = list(choices(event.overflow, can_lengthen=event.can_lengthen, offer=event.offer))

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog wide", can_focus=False) as box:
            box.border_title = Content("Too long for the context")
            box.border_subtitle = Content("Enter chooses, Esc goes back")
            yield Static(Content(sanitize(told(self._event.overflow))))
            yield OptionList(*(Option(Content(text)) for _, text in self._choices))

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.set_interval(0.1, self._leave_if_cancelled)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._choices[event.option_index][0])

    def _leave_if_cancelled(self) -> None:
        if self._event.cancel.is_cancelled and self.is_current:
            self.dismiss("back")


def _names(questions: tuple[str, ...]) -> list[str]:
    named = [f"  · {one_line(text, _NAME_CHARS)}" for text in questions[:_NAMED]]
    return [*named, f"  and {len(questions) - _NAMED} more"] if len(questions) > _NAMED else named
