"""TurnStage: the one turn that may be running, what waits behind it, and the views they are shown in.

The turn goes on when another conversation is opened, and is shown again when its own is.
"""

import asyncio
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical

from chatterm.errors import ChattermError
from chatterm.tui import events
from chatterm.tui.active_path import CONTINUES, ActivePath, Said, read_conversation
from chatterm.tui.drafts import Draft
from chatterm.tui.live_turn import LiveTurn
from chatterm.tui.parts import AppParts
from chatterm.tui.queue import Queued, TurnQueue
from chatterm.tui.turns import Place, TurnPlan, TurnRunner
from chatterm.tui.widgets.kept_composer import KeptComposer
from chatterm.tui.widgets.message import MessageView, QuestionView, view_of
from chatterm.tui.widgets.transcript import Transcript

_QUEUED = "queued: sent when the reply ends · Alt+Up takes it back"


class TurnStage(Vertical):
    """Begins turns and lets others wait. Posts TurnMoved and ConversationMoved."""

    def __init__(self, parts: AppParts, runner: TurnRunner) -> None:
        super().__init__()
        self._parts = parts
        self._runner = runner
        self.transcript = Transcript(self._view_of)
        self._composer = KeptComposer(parts)
        self._place = Place()
        """Where a question goes that is asked in what is on screen."""
        self._used_tokens: int | None = None
        self._live: LiveTurn | None = None
        self._queue = TurnQueue()
        self._queued_views: dict[Queued, QuestionView] = {}
        self._is_winding_up = False
        self._failures: dict[str, str] = {}
        """By message id, why replies of this session failed: the store does not say."""

    def compose(self) -> ComposeResult:
        yield self.transcript
        yield self._composer

    @property
    def is_replying(self) -> bool:
        return self._live is not None

    @property
    def replying_id(self) -> str | None:
        """The conversation that a reply is being written in."""
        return self._live.conversation_id if self._live else None

    def stop_reply(self) -> None:
        if self._live:
            self._live.plan.cancel.cancel()
            self._tell("stopping")

    def wind_up(self) -> None:
        """Stop the reply; nothing that waits is sent any more."""
        self._is_winding_up = True
        self.stop_reply()

    async def start(self, plan: TurnPlan) -> None:
        """Run `plan`, or let it wait for the turn that runs."""
        if self._live is None:
            place = Place(plan.conversation_id, plan.parent_id)
            await self._run(LiveTurn(plan, place, texts=[plan.beginning]))
            return
        queued = Queued(plan, self._last_asked() if plan.kind == "ask" else None)
        self._queue.add(queued)
        self._keep_waiting()
        await self.transcript.add(self._queued_view(queued))

    async def take_back(self) -> bool:
        """Put the newest queued question of this conversation back into the composer, if there is one."""
        waiting = self._queue.of(self._place.conversation_id)
        if not waiting:
            return False
        self._composer.put_back(await self._unqueued(waiting[-1]))
        self._keep_waiting()
        return True

    async def forget_queued(self, conversation_id: str) -> None:
        """Put what is queued for a conversation back into the composer: the conversation is going away."""
        for queued in reversed(self._queue.of(conversation_id)):
            self._composer.put_back(await self._unqueued(queued))
        self._keep_waiting()

    async def _unqueued(self, queued: Queued) -> Draft:
        """Take a question out of the queue and off the screen; return what it was to ask."""
        self._queue.take_back(queued)
        await self.transcript.remove_views(self._queued_views.pop(queued, None))
        return queued.plan.draft

    async def _run(self, live: LiveTurn) -> None:
        self._live = live
        plan = live.plan
        if live.asks:
            self._keep_waiting()
        if plan.conversation_id == self._place.conversation_id:
            await self._show_live(live)
        self._tell("waiting")
        self._runner.start(plan, self.post_message)

    async def _show_live(self, live: LiveTurn) -> None:
        """Show a turn that begins below what is on screen, or in place of a part of it."""
        plan = live.plan
        ids = [one.node.id for one in self.transcript.said]
        if plan.kind == "edit" and plan.target_id in ids:
            await self.transcript.cut_after(ids.index(plan.target_id))
        elif not live.asks:
            target = ids.index(plan.target_id) if plan.target_id in ids else len(ids)
            await self.transcript.cut_after(target + (plan.kind == "regenerate"))
            self._clear_note(plan.target_id)
        question = [live.new_question_view()] if live.asks else []
        await self.transcript.add(*question, live.new_view())

    def _clear_note(self, question_id: str | None) -> None:
        """What was said of a question's last attempt is over as the next begins."""
        for view in self.transcript.query(QuestionView):
            if view.message_id == question_id:
                view.show_note("")

    async def _run_next(self) -> None:
        queued = None if self._is_winding_up else self._queue.take_first()
        if queued is None:
            return
        await self.transcript.remove_views(self._queued_views.pop(queued, None))
        await self._run(queued.begin())

    # What is on screen, and what stands behind what.

    async def reread(self) -> None:
        """Show what the store has of the conversation on screen: its branches, notes and figures."""
        if self._place.conversation_id is None:
            return
        try:
            path = await self._read(self._place.conversation_id)
        except ChattermError as error:
            self.post_message(events.NoticeGiven(str(error)))
            return
        self._place = Place(self._place.conversation_id, path.leaf_id)
        self._used_tokens = path.used_tokens
        await self.transcript.update_path(path)

    async def _read(self, conversation_id: str | None) -> ActivePath:
        path = await asyncio.to_thread(read_conversation, self._parts.store, conversation_id)
        return replace(path, said=tuple(map(self._noted, path.said)))

    def _noted(self, said: Said) -> Said:
        """Add why it failed, which the store does not say."""
        failure = self._failures.get(said.node.id)
        if failure is None:
            return said
        return replace(said, note=failure + (CONTINUES if said.text.strip() and not said.is_question else ""))

    @property
    def _turn(self) -> LiveTurn:
        assert self._live, "a turn's events come only while it runs"
        return self._live

    def _last_asked(self) -> LiveTurn | Queued | None:
        """Return what the next question of the conversation on screen follows, where that is not over."""
        waiting = [one for one in self._queue.of(self._place.conversation_id) if one.plan.kind == "ask"]
        if waiting:
            return waiting[-1]
        live = self._live
        return live if live and live.is_shown else None

    def _keep_waiting(self) -> None:
        """Let the composer keep what the store does not have yet, as far as it was asked on this screen."""
        live, shown_id = self._live, self._place.conversation_id
        is_unkept = live and live.asks and not live.is_kept and live.plan.conversation_id == shown_id
        asked = [live.plan.draft] if live and is_unkept else []
        asked += [one.plan.draft for one in self._queue.of(shown_id)]
        draft = Draft(text="")
        for one in asked:
            draft = draft.before(one)
        self._composer.asked(draft)

    def _queued_view(self, queued: Queued) -> QuestionView:
        draft = queued.plan.draft
        attached = [document.name for document in draft.documents]
        view = QuestionView(draft.text, attached=attached, queued=_QUEUED)
        self._queued_views[queued] = view
        return view

    def _view_of(self, said: Said) -> MessageView:
        """Return the view of a stored message: of the reply that is being written, one that grows."""
        live = self._live
        if live and live.reply_id and said.node.id == live.reply_id:
            return live.new_view()
        return view_of(said)

    def _tell(
        self,
        phase: events.Phase,
        used_tokens: int | None = None,
        rate: float | None = None,
        reading: str = "",
    ) -> None:
        """Post where the turn is; `idle` ends it."""
        if live := self._live:
            is_stopping = live.plan.cancel.is_cancelled and phase != "idle"
            live.phase = phase = "stopping" if is_stopping else phase
            if live.view and used_tokens is not None:
                self._used_tokens = used_tokens
        self.post_message(events.TurnMoved(phase, self._used_tokens, rate, reading))
        if live and phase == "idle":
            self._live = None
            self.post_message(events.ConversationMoved(self._place.conversation_id))
