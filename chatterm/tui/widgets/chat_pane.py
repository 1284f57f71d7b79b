"""ChatPane: the conversation on screen, the composer, and the one turn that may be running.

The turn goes on when another conversation is opened, and is shown again when its own is.
"""

import asyncio
from dataclasses import dataclass, replace

from textual.app import ComposeResult
from textual.containers import Vertical

from chatterm.conversation import MessageNode
from chatterm.errors import ChattermError
from chatterm.tui import events
from chatterm.tui.live_turn import LiveTurn
from chatterm.tui.parts import AppParts
from chatterm.tui.reading import Reading, ending_note, read_conversation
from chatterm.tui.turns import TurnPlan, TurnRunner
from chatterm.tui.widgets.kept_composer import KeptComposer
from chatterm.tui.widgets.message import NoticeView, QuestionView
from chatterm.tui.widgets.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the store the next question goes."""

    conversation_id: str | None = None
    leaf_id: str | None = None

    def after(self, reply: MessageNode) -> "Place":
        """Return the place below `reply`, this one where the store refused it."""
        return Place(reply.conversation_id, reply.id) if reply.id else self


class ChatPane(Vertical):
    """Posts TurnMoved and ConversationMoved. Its handlers run one at a time, in the order of the events."""

    def __init__(self, parts: AppParts, runner: TurnRunner) -> None:
        super().__init__()
        self._parts = parts
        self._runner = runner
        self._transcript = Transcript()
        self._composer = KeptComposer(parts)
        self._place = Place()
        self._used_tokens: int | None = None
        self._live: LiveTurn | None = None

    def compose(self) -> ComposeResult:
        yield self._transcript
        yield self._composer

    @property
    def is_replying(self) -> bool:
        return self._live is not None

    @property
    def shown_id(self) -> str | None:
        """The conversation on screen, None while it is a new one."""
        return self._place.conversation_id

    @property
    def replying_id(self) -> str | None:
        """The conversation that a reply is being written in."""
        return self._live.conversation_id if self._live else None

    def stop_reply(self) -> None:
        if self._live:
            self._live.plan.cancel.cancel()
            self._tell("stopping")

    def show_notice(self, text: str) -> None:
        """Tell something below the messages, in turn with the other events."""
        self.post_message(events.NoticeGiven(text))

    async def on_notice_given(self, event: events.NoticeGiven) -> None:
        event.stop()
        await self._transcript.add(NoticeView(event.text))

    def open_conversation(self, conversation_id: str | None) -> None:
        """Show a conversation, None for a new one, in turn with the other events."""
        self.post_message(events.ConversationWanted(conversation_id))

    async def on_conversation_wanted(self, event: events.ConversationWanted) -> None:
        event.stop()
        conversation_id = event.conversation_id
        try:
            reading = await asyncio.to_thread(read_conversation, self._parts.store, conversation_id)
        except ChattermError as error:
            self.show_notice(str(error))
            return
        self._place = Place(conversation_id, reading.leaf_id)
        self._used_tokens = reading.used_tokens
        self._composer.recall.refill(reading.questions)
        await self._composer.go_to(conversation_id)
        await self._show(reading)
        self._tell(self._live.phase if self._live else "idle")
        self.post_message(events.ConversationMoved(conversation_id))

    async def on_question_asked(self, event: events.QuestionAsked) -> None:
        event.stop()
        if self._live:
            self._composer.put_back(event.draft)
            self.notify("Esc stops the reply. Your text stays here.", markup=False)
            return
        plan = TurnPlan(
            draft=event.draft, conversation_id=self._place.conversation_id, parent_id=self._place.leaf_id
        )
        self._live = LiveTurn(plan)
        self._composer.asked(event.draft)
        await self._transcript.add(QuestionView(event.draft.text), self._live.new_view())
        self._tell("waiting")
        self._runner.start(plan, self.post_message)

    def on_reply_started(self, event: events.ReplyStarted) -> None:
        live, started = self._turn, event.started
        live.started = started
        if live.view:
            self._place = self._place.after(started.reply)
        asked_in, kept_in = live.plan.conversation_id, started.question.conversation_id
        self._composer.settled(asked_in, kept_in, is_shown=bool(live.view))
        if dropped := started.num_dropped_turns:
            turns = "the oldest turn does" if dropped == 1 else f"the {dropped} oldest turns do"
            live.say(f"{turns} not fit the context and was left out of what the model reads")
        self._tell("reading")
        self.post_message(events.ConversationMoved(self._place.conversation_id))

    def on_prefill_advanced(self, event: events.PrefillAdvanced) -> None:
        live = self._turn
        live.prompt_tokens = event.total
        if live.view and event.done < event.total:
            live.view.show_progress(f"reading {event.done:,} of {event.total:,} tokens")
        self._tell("reading", event.done)

    async def on_reply_grew(self, event: events.ReplyGrew) -> None:
        live, growth = self._turn, event.growth
        await live.grow(growth.text)
        self._tell("writing", live.prompt_tokens + growth.num_tokens, growth.tokens_per_s)

    def on_turn_noticed(self, event: events.TurnNoticed) -> None:
        self._turn.say(event.text)

    async def on_reply_finished(self, event: events.ReplyFinished) -> None:
        usage = event.turn.usage
        if self._turn.view:
            self._place = self._place.after(event.turn.reply)
        if event.not_saved:
            self._turn.say(f"not saved: {event.not_saved}")
        await self._turn.end(event.turn.reply.message.content, ending_note(event.turn.finish_reason, usage))
        rate = usage.output_tokens / usage.decode_s if usage.decode_s > 0 else None
        self._tell("idle", usage.input_tokens + usage.output_tokens, rate)

    def on_reply_checked(self, event: events.ReplyChecked) -> None:
        event.stop()
        found = event.checked
        if found.reply_id and found.reply_id == self._place.leaf_id:
            for text in (*found.notices, *found.footers):
                self.show_notice(text)

    async def on_reply_failed(self, event: events.ReplyFailed) -> None:
        if self._turn.started:
            await self._turn.end(self._turn.text, f"failed: {event.error}")
        else:
            await self._withdraw(self._turn)
            if event.error:
                self.show_notice(event.error)
        self._tell("idle")

    @property
    def _turn(self) -> LiveTurn:
        assert self._live, "a turn's events come only while it runs"
        return self._live

    async def _withdraw(self, live: LiveTurn) -> None:
        """Put a question that was not kept back into the composer, before what was typed since."""
        if live.view:
            await self._transcript.remove_turn(live.view)
        self._composer.withdrawn(live.plan.conversation_id, live.plan.draft)

    async def _show(self, reading: Reading) -> None:
        """Draw a conversation, and the running turn if it is its own."""
        live = self._live
        if live:
            live.view = None
        if live is None or not live.conversation_id or live.conversation_id != self._place.conversation_id:
            await self._transcript.show(reading)
            return
        started = live.started
        nodes = [node for node in reading.nodes if not (started and node.id == started.reply.id)]
        await self._transcript.show(replace(reading, nodes=nodes))
        question = [] if started else [QuestionView(live.plan.draft.text)]
        await self._transcript.add(*question, live.new_view())

    def _tell(self, phase: events.Phase, used_tokens: int | None = None, rate: float | None = None) -> None:
        """Post where the turn is; `idle` ends it."""
        if live := self._live:
            is_stopping = live.plan.cancel.is_cancelled and phase != "idle"
            live.phase = phase = "stopping" if is_stopping else phase
            if live.view and used_tokens is not None:
                self._used_tokens = used_tokens
        self.post_message(events.TurnMoved(phase, self._used_tokens, rate))
        if live and phase == "idle":
            self._live = None
            self.post_message(events.ConversationMoved(self._place.conversation_id))
