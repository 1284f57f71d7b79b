"""ComposerArea: the composer with what stands above it: suggestions, and chips for what goes with the text.

It holds the draft that is on screen, and knows no conversation and no store.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList, TextArea

from chatterm.conversation import Document
from chatterm.documents.gather import read_all
from chatterm.engine.option_names import sampling_option
from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize
from chatterm.tui.chips import document_of, riders, without
from chatterm.tui.commands import Call, as_message, call_of
from chatterm.tui.completing import Completing, FileChosen
from chatterm.tui.drafts import Draft
from chatterm.tui.editor import edited_in
from chatterm.tui.events import QuestionAsked
from chatterm.tui.pasting import is_long, pasted_document
from chatterm.tui.recall import Recall
from chatterm.tui.widgets.chip_row import ChipRow, RiderOpened, RiderRemoved
from chatterm.tui.widgets.completion_list import CompletionList
from chatterm.tui.widgets.composer import Composer


@dataclass
class DraftChanged(Message):
    """The draft on screen is another."""

    draft: Draft


class ComposerArea(Vertical):
    """Posts QuestionAsked for what is sent, and DraftChanged."""

    def __init__(self, *, is_private: bool = False, folder: Path | None = None) -> None:
        """`@` offers the files below `folder`, by default the working folder."""
        super().__init__()
        self._is_private = is_private
        self._folder = folder or Path()
        self.composer = Composer(self)
        self.recall = Recall()
        self._list = CompletionList()
        self._chips = ChipRow()
        self._completing = Completing(self.composer, self._list, self._folder)
        self._rest = Draft(text="")
        """The draft without its text."""

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._chips
        yield self.composer

    @property
    def draft(self) -> Draft:
        return replace(self._rest, text=self.composer.text)

    def show_draft(self, draft: Draft) -> None:
        """Put `draft` in place of what is there."""
        self.composer.show_text(draft.text)
        self._show_rest(draft)
        self.recall.rewind()

    def put_back(self, draft: Draft) -> None:
        """Put what was not sent back, before what was typed since."""
        if not draft.is_blank:
            self.show_draft(draft.before(self.draft))

    def show_tokens(self, num_tokens: Sequence[int]) -> None:
        """Show how many tokens each document of the draft has, where it is these that were counted."""
        if len(num_tokens) == len(self._rest.documents):
            self._chips.show(riders(self._rest, num_tokens))

    def attach(self, *documents: Document) -> None:
        self._show_rest(replace(self._rest, documents=(*self._rest.documents, *documents)))

    # What the composer asks of its helper.

    async def send(self) -> None:
        """Send the draft, or do what its slash command says; keys typed behind it wait for that."""
        draft, call = self.draft, None
        with self._telling():
            call = call_of(draft.text)
            if call is None and not draft.is_empty:
                self.recall.add(draft.text)
                self.show_draft(Draft(text="", settings=draft.settings))
                self.post_message(QuestionAsked(replace(draft, text=as_message(draft.text))))
        if call:
            await self._run(call, draft.text)

    async def edit_elsewhere(self) -> None:
        """Open the text in the user's editor; whatever that does, a text stays."""
        if self._is_private:
            self.notify("An editor needs a file, and private mode writes none.", markup=False)
            return
        with self._telling():
            self.composer.show_text(edited_in(self.app, self.composer.text))

    def take_key(self, key: str) -> bool:
        if self._completing.take_key(key):
            return True
        text = self.composer.text
        brought_back = None
        match key:
            case "up" if not text or text == self.recall.shown:
                brought_back = self.recall.earlier()
            case "down" if text and text == self.recall.shown:
                brought_back = self.recall.later()
            case "backspace" if not text and (last := self._chips.last):
                self._show_rest(without(self._rest, last))
                return True
        if brought_back is not None:
            self.composer.show_text(brought_back)
        return brought_back is not None

    def take_paste(self, text: str) -> bool:
        if not is_long(text):
            return False
        with self._telling():
            self.attach(pasted_document(text, (one.name for one in self._rest.documents)))
        return True

    # What the parts tell.

    @on(TextArea.Changed)
    @on(TextArea.SelectionChanged)
    def follow_text(self, event: Message) -> None:
        event.stop()
        self._completing.update()
        self.post_message(DraftChanged(self.draft))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._completing.accept(self._list.suggestion(event.option_index))
        self.composer.focus()

    async def on_file_chosen(self, event: FileChosen) -> None:
        event.stop()
        with self._telling():
            await self.action_file(event.name)

    def on_rider_removed(self, event: RiderRemoved) -> None:
        event.stop()
        self._show_rest(without(self._rest, event.rider))
        self.composer.focus()

    def on_rider_opened(self, event: RiderOpened) -> None:
        """Show a document as it was read."""
        event.stop()
        document = document_of(self._rest, event.rider)
        if document:
            from chatterm.tui.screens.document import DocumentScreen

            self.app.push_screen(DocumentScreen(document))

    # The commands that are the composer's own.

    def action_system(self, text: str = "") -> None:
        self._show_rest(replace(self._rest, system=text))

    def action_set(self, words: str) -> None:
        key, _, value = words.replace("=", " ", 1).partition(" ")
        name, parsed = sampling_option(key, value.strip())
        self._show_rest(replace(self._rest, settings={**self._rest.settings, name: parsed}))

    async def action_file(self, name: str) -> None:
        path = self._folder / Path(os.path.expanduser(name))  # noqa: PTH111  # it raises nothing for an unknown user
        self.attach(*await asyncio.to_thread(read_all, [path]))

    async def _run(self, call: Call, text: str) -> None:
        """Do what a command says; where it cannot be done, `text` comes back."""
        self.composer.show_text("")
        is_done = False
        with self._telling():
            is_done = await self.app.run_action(call.action, self)
        if not is_done:
            self.put_back(Draft(text=text))

    def _show_rest(self, draft: Draft) -> None:
        self._rest = replace(draft, text="")
        self._chips.show(riders(self._rest))
        self.post_message(DraftChanged(self.draft))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell an error instead of raising it."""
        try:
            yield
        except ChattermError as error:
            self.notify(sanitize(str(error)), severity="warning", markup=False)
