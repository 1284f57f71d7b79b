"""KeptComposer: the composer of each conversation in turn, whose draft neither leaving nor a kill loses."""

import asyncio

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize
from chatterm.tui.draft_keeper import DraftKeeper
from chatterm.tui.drafts import Draft
from chatterm.tui.parts import AppParts
from chatterm.tui.widgets.composer_area import ComposerArea, DraftChanged


class KeptComposer(ComposerArea):
    """Shows the draft of one conversation. What is sent stays kept until the store has the question."""

    def __init__(self, parts: AppParts) -> None:
        super().__init__(is_private=parts.is_private)
        self._keeper = DraftKeeper(parts.store, self.post_message)
        self._given: Draft | None = parts.draft
        """What the app was opened with."""
        self._conversation_id: str | None = None
        self._is_opened = False
        self._sent = Draft(text="")
        """Asked, and not in the store yet."""
        self._left: dict[str | None, Draft] = {}
        """Where such a question waits and the user has gone elsewhere: the rest of the draft."""

    async def go_to(self, conversation_id: str | None) -> None:
        """Show the draft of another conversation, after keeping that on screen."""
        if self._is_opened and conversation_id == self._conversation_id:
            return
        draft = await self._draft_of(conversation_id)
        if self._is_opened:
            self._leave()
            self._conversation_id = conversation_id
            self.show_draft(draft)
        else:
            self._is_opened = True
            self._conversation_id = conversation_id
            self.put_back(draft)
            self._keep()  # what was typed before

    def asked(self, draft: Draft) -> None:
        """Keep `draft`, which was sent, until it is `settled` or put back."""
        self._sent = draft
        self._keep()

    def settled(self, asked_in: str | None, conversation_id: str | None, *, is_shown: bool) -> None:
        """The store has what was asked in a conversation, which is, or has become, `conversation_id`."""
        since = self._left.pop(asked_in, Draft(text=""))
        if asked_in == self._conversation_id:
            since = self.draft
            self._sent = Draft(text="")
        if not conversation_id or conversation_id == asked_in:
            self._keeper.keep(asked_in, since)
        elif is_shown:
            self._keeper.keep(asked_in, Draft(text=""))
            self._conversation_id = conversation_id
            self._keep()
        else:
            self._keeper.keep(asked_in, since)

    def withdrawn(self, asked_in: str | None, draft: Draft) -> None:
        """Put back what was asked in a conversation and is not in the store; elsewhere it is kept already."""
        if asked_in == self._conversation_id:
            self.put_back(draft)
        else:
            self._left.pop(asked_in, None)

    def put_back(self, draft: Draft) -> None:
        self._sent = Draft(text="")
        super().put_back(draft)

    def on_draft_changed(self, event: DraftChanged) -> None:
        if self._is_opened:
            self._keep()

    def on_unmount(self) -> None:
        self._keep()
        self._keeper.flush()

    def _leave(self) -> None:
        """Keep what is on screen; what was sent from here stays kept with it."""
        self._keep()
        if not self._sent.is_blank:
            self._left[self._conversation_id] = self.draft
        self._sent = Draft(text="")

    def _keep(self) -> None:
        self._keeper.keep(self._conversation_id, self._sent.before(self.draft))

    async def _draft_of(self, conversation_id: str | None) -> Draft:
        if self._given is not None:
            given, self._given = self._given, None
            return given
        try:
            return await asyncio.to_thread(self._keeper.take, conversation_id)
        except ChattermError as error:
            self.notify(sanitize(str(error)), severity="warning", markup=False)
            return Draft(text="")
