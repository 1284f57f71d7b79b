"""ChatPane: the conversation on screen, and what is asked in it."""

import asyncio

from chatterm.errors import ChattermError
from chatterm.tui import events
from chatterm.tui.active_path import ActivePath, Said
from chatterm.tui.asked_again import draft_of
from chatterm.tui.drafts import Draft
from chatterm.tui.live_turn import LiveTurn
from chatterm.tui.parts import AppParts
from chatterm.tui.turns import Place, TurnPlan, TurnRunner
from chatterm.tui.widgets.message_pane import MessagePane

_EDITING = "Editing your question · Esc gives up"


class ChatPane(MessagePane):
    """Opens conversations, and asks and edits in them."""

    def __init__(self, parts: AppParts, runner: TurnRunner) -> None:
        super().__init__(parts, runner)
        self._edited: Said | None = None
        """The question in whose place the next one is asked."""
        self._sent_edits: dict[str, Said] = {}
        """Those that were asked, by their id: what cannot be sent is edited on."""
        self._draft_before = Draft(text="")
        """What stood in the composer before a question was edited."""

    @property
    def shown_id(self) -> str | None:
        """The conversation on screen, None while it is a new one."""
        return self._place.conversation_id

    # Conversations.

    def open_conversation(self, conversation_id: str | None) -> None:
        """Show a conversation, None for a new one, in turn with the other events."""
        self.post_message(events.ConversationWanted(conversation_id))

    async def on_conversation_wanted(self, event: events.ConversationWanted) -> None:
        event.stop()
        await self._open(event.conversation_id)

    async def on_message_wanted(self, event: events.MessageWanted) -> None:
        """Show a message, on the branch that holds it."""
        event.stop()
        store, wanted = self._parts.store, event.message_id
        try:
            path = await asyncio.to_thread(store.path, event.conversation_id)
            if wanted not in {node.id for node in path}:
                leaf = await asyncio.to_thread(store.newest_leaf, wanted)
                await asyncio.to_thread(store.set_active_leaf, event.conversation_id, leaf)
        except ChattermError as error:
            self.show_notice(str(error))
            return
        await self._open(event.conversation_id)
        await self.transcript.show_message(wanted)
        self.transcript.focus()

    async def _open(self, conversation_id: str | None) -> None:
        try:
            path = await self._read(conversation_id)
        except ChattermError as error:
            self.show_notice(str(error))
            return
        self.give_up_edit()
        self._place = Place(conversation_id, path.leaf_id)
        self._used_tokens = path.used_tokens
        self._composer.recall.refill(path.questions)
        await self._composer.go_to(conversation_id)
        await self._show(path)
        self._tell(self._live.phase if self._live else "idle")
        self.post_message(events.ConversationMoved(conversation_id))

    async def _show(self, path: ActivePath) -> None:
        """Draw a conversation, the running turn if it is its own, and the questions that wait in it."""
        live, shown_id = self._live, self._place.conversation_id
        if live:
            live.leave()
        await self.transcript.show(path)
        if live and shown_id and live.conversation_id == shown_id:
            if not live.is_kept:
                await self._show_live(live)
            elif not live.started:
                await self._show_waiting(live, path)
        if waiting := self._queue.of(shown_id):
            await self.transcript.add(*map(self._queued_view, waiting))

    async def _show_waiting(self, live: LiveTurn, path: ActivePath) -> None:
        """Show a reply that waits for its documents to be read, below its question."""
        if live.question and path.said and path.said[-1].node.id == live.question.id:
            live.question_view = None
            self._clear_note(live.question.id)
            await self.transcript.add(live.new_view())

    # Asking.

    async def on_question_asked(self, event: events.QuestionAsked) -> None:
        event.stop()
        edited = self._edited
        if edited is None:
            plan = TurnPlan(
                draft=event.draft,
                conversation_id=self._place.conversation_id,
                parent_id=self._place.leaf_id,
            )
        else:
            plan = TurnPlan(
                draft=event.draft,
                conversation_id=edited.node.conversation_id,
                parent_id=edited.node.parent_id,
                kind="edit",
                target_id=edited.node.id,
            )
            self._sent_edits[edited.node.id] = edited
            self.give_up_edit()
        await self.start(plan)

    async def edit(self, question: Said | None) -> None:
        """Bring a question into the composer, to be asked anew in its place."""
        if question is None:
            self._say("There is no question to edit yet.")
            return
        try:
            draft = await asyncio.to_thread(draft_of, self._parts.store, question.node.id)
        except ChattermError as error:
            self.show_notice(str(error))
            return
        self.give_up_edit()
        self._edited, self._draft_before = question, self._composer.draft
        self._composer.show_draft(draft)
        self._show_editing()
        self._composer.composer.focus()

    def give_up_edit(self) -> bool:
        """Put back what stood in the composer before; return whether a question was being edited."""
        if self._edited is None:
            return False
        self._edited = None
        self._composer.show_draft(self._draft_before)
        self._show_editing()
        return True

    # Messages.

    async def on_message_acted(self, event: events.MessageActed) -> None:
        event.stop()
        view = self.transcript.selected
        said = self.transcript.said_of(view)
        match event.verb:
            case "copy" | "copy_code":
                self.copy(view, code_only=event.verb == "copy_code")
            case "edit" if view in self._queued_views.values():
                await self.take_back()
            case "edit":
                await self.edit(said if said and said.is_question else self.last(is_question=True))
            case "regenerate":
                await self.regenerate(said or self.last())
            case "continue":
                await self.continue_reply(said or self.last())
            case "shape":
                await self.toggle_shape(view or self._last_reply_view())
            case "sources":
                self.show_sources(view or self._last_reply_view())
            case "parts":
                self.show_parts(view or self._last_reply_view())
            case "previous_branch":
                await self.walk(said, -1)
            case "next_branch":
                await self.walk(said, 1)

    async def _withdraw(self, live: LiveTurn) -> None:
        await super()._withdraw(live)
        if live.plan.kind == "edit" and live.plan.conversation_id == self.shown_id:
            self._edited, self._draft_before = self._sent_edits.pop(live.plan.target_id or ""), Draft(text="")
            self._show_editing()

    def _show_editing(self) -> None:
        composer = self._composer.composer
        composer.border_title = _EDITING if self._edited else ""
        composer.set_class(self._edited is not None, "-editing")
