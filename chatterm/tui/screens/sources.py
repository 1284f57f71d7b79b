"""SourcesScreen: what a reply rests on, statement by statement, and what was checked in it.

The lines are found in a thread while the list fills.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize
from chatterm.tui.check_words import counted_line
from chatterm.tui.foreign import one_line
from chatterm.tui.parts import AppParts
from chatterm.tui.screens.document import DocumentScreen
from chatterm.tui.sources import Basis, Claim, basis_of, checked_claims, cited_of, claims_of
from chatterm.tui.widgets.statement_list import Item, StatementList

if TYPE_CHECKING:
    from chatterm.tasks import Checked
    from chatterm.tasks.citing import Cited

NO_DOCUMENT = "No document goes with this reply, so there is nothing that it could rest on."

_BATCH_S = 0.1
"""So often what was found is handed to the screen."""
_ITEM_CHARS = 400
_KEYS = "Enter: its lines   n: the next without a source   Esc: back"


@dataclass
class ClaimsFound(Message):
    """More of what the reply rests on."""

    basis: Basis
    claims: Sequence[Claim]
    is_last: bool = False


@dataclass
class SourcesFailed(Message):
    """The reply or its documents could not be read."""

    error: str


class SourcesScreen(ModalScreen[None]):
    """Enter shows the lines of a statement in their document."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]  # noqa: RUF012  # Textual's own declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", show=False, id="sources.close"),
        Binding("n", "next_unsupported", "Next without a source", show=False, id="sources.unsupported"),
    ]

    def __init__(self, parts: AppParts, reply_id: str, checked: "Checked | None") -> None:
        """`checked` is what this session's checks found, where it has any."""
        super().__init__()
        self._parts, self._reply_id = parts, reply_id
        self._checked, self._lang = checked, parts.lang
        self._basis: Basis | None = None
        self._claims: list[Claim] = []
        self._is_over = False
        self._list = StatementList()
        self._state = Static(Content("Looking for the lines…"), classes="state")
        self._detail = Static(classes="detail")
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        with Vertical(classes="whole"):
            yield self._state
            self._list.border_title = Content("What the reply rests on")
            yield self._list
            with VerticalScroll(classes="detail-box", can_focus=False):
                yield self._detail
            yield Static(Content(_KEYS), classes="keys")

    def on_mount(self) -> None:
        self._list.focus()
        threading.Thread(target=self._look, daemon=True).start()

    def on_unmount(self) -> None:
        self._left.set()

    def on_claims_found(self, event: ClaimsFound) -> None:
        event.stop()
        self._basis, self._is_over = event.basis, event.is_last
        self._claims += event.claims
        self._list.add(self._item(claim) for claim in event.claims)
        self._state.update(Content(self._told()))

    def on_sources_failed(self, event: SourcesFailed) -> None:
        event.stop()
        self._state.update(Content(f"! {sanitize(event.error)}"))

    def on_statement_list_highlighted(self, event: StatementList.Highlighted) -> None:
        event.stop()
        self._detail.update(self._detailed(self._claims[event.index]))

    def on_statement_list_chosen(self, event: StatementList.Chosen) -> None:
        """Show the lines of a statement: those in the document of its best place."""
        event.stop()
        claim = self._claims[event.index]
        if self._basis is None or not claim.places:
            self.notify("Nothing in the documents says this.", markup=False)
            return
        source = claim.places[0].source
        marked = [(one.first_line, one.last_line) for one in claim.places if one.source == source]
        self.app.push_screen(DocumentScreen(self._basis.documents[source], marked, told=claim.text))

    def action_next_unsupported(self) -> None:
        at = -1 if self._list.highlighted is None else self._list.highlighted
        order = [*range(at + 1, len(self._claims)), *range(at + 1)]
        found = next((index for index in order if not self._claims[index].is_supported), None)
        if found is None:
            self.notify("Each of these has a source.", markup=False)
        else:
            self._list.highlight(found)

    def action_close(self) -> None:
        self.dismiss()

    # In a thread.

    def _look(self) -> None:
        try:
            cited = cited_of(self._parts.store, self._reply_id, self._checked, self._parts.prompts)
            basis = basis_of(cited)
            batch: list[Claim] = []
            posted_s = time.monotonic()
            for claim in self._found(cited, basis):
                batch.append(claim)
                if self._left.is_set():
                    return
                if time.monotonic() - posted_s > _BATCH_S:
                    self.post_message(ClaimsFound(basis, batch))
                    batch, posted_s = [], time.monotonic()
            self.post_message(ClaimsFound(basis, batch, is_last=True))
        except ChattermError as error:
            self.post_message(SourcesFailed(str(error)))

    def _found(self, cited: "Cited", basis: Basis) -> Iterator[Claim]:
        yield from claims_of(cited)
        if self._checked:
            yield from checked_claims(self._checked, basis, self._lang)

    # What is shown.

    def _item(self, claim: Claim) -> Item:
        mark = "✓" if claim.is_supported else "⚠"
        return Item(f"{mark} {one_line(claim.text, _ITEM_CHARS)}", self._where(claim))

    def _where(self, claim: Claim) -> str:
        assert self._basis, "claims come with what they rest on"
        places = " · ".join(self._basis.where(one, self._lang) for one in claim.places[:3])
        otherwise = "" if claim.is_supported else claim.how or "rests on nothing in the documents"
        return " · ".join(filter(None, (places, claim.how if places else otherwise)))

    def _detailed(self, claim: Claim) -> Content:
        basis, parts = self._basis, [Content(sanitize(claim.text))]
        if basis and claim.places:
            place = claim.places[0]
            parts.append(Content.styled(f"{basis.where(place, self._lang)}:", "bold"))
            parts.append(Content(sanitize(basis.excerpt(place))))
        return Content("\n").join(parts)

    def _told(self) -> str:
        stated = [claim for claim in self._claims if not claim.is_check]
        num_missing = sum(not claim.is_supported for claim in stated)
        counted = f"{len(stated):,} statements" if len(stated) != 1 else "1 statement"
        rest = f"{num_missing:,} without a source" if num_missing else "each with its source"
        if not stated:
            counted, rest = "Nothing here states anything", ""
        if self._basis and not self._basis.documents:
            return NO_DOCUMENT
        checks = counted_line(self._checked, self._lang) if self._checked else ""
        going_on = "" if self._is_over else "looking on…"
        return " · ".join(filter(None, (counted, rest, checks, going_on)))
