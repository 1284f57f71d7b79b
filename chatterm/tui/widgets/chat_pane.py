"""ChatPane: the conversation on screen, the composer, and the one turn that may be running.

The turn goes on when another conversation is opened, and is shown again when its own is.
"""

import asyncio
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical

from chatterm.conversation import MessageNode
from chatterm.errors import ChattermError
from chatterm.tui import events
from chatterm.tui.live_turn import LiveTurn
from chatterm.tui.parts import AppParts
from chatterm.tui.reading import Reading, ending_note, read_conversation
from chatterm.tui.turns import TurnPlan, TurnRunner
from chatterm.tui.widgets.composer import Composer
from chatterm.tui.widgets.message import NoticeView, QuestionView
from chatterm.tui.widgets.transcript import Transcript


class ChatPane(Vertical):
    """Posts TurnMoved and ConversationMoved. Its handlers run one at a time, in the order of the events."""

    def __init__(self, parts: AppParts, runner: TurnRunner) -> None:
        super().__init__()
        self._parts = parts
        self._runner = runner
        self._transcript = Transcript()
        self._composer = Composer()
        self._conversation_id: str | None = None
        self._leaf_id: str | None = None
        self._used_tokens: int | None = None
        self._last_question = ""
        self._live: LiveTurn | None = None

    def compose(self) -> ComposeResult:
        yield self._transcript
        yield self._composer

    @property
    def is_replying(self) -> bool:
        return self._live is not None

    def stop_reply(self) -> None:
        if self._live:
            self._live.plan.cancel.cancel()
            self._tell("stopping")

    async def show_notice(self, text: str) -> None:
        await self._transcript.add(NoticeView(text))

    async def open_conversation(self, conversation_id: str | None) -> None:
        """Show a conversation, None for a new one. What is in the composer stays."""
        try:
            reading = await asyncio.to_thread(read_conversation, self._parts.store, conversation_id)
        except ChattermError as error:
            await self.show_notice(str(error))
            return
        self._conversation_id, self._leaf_id = conversation_id, reading.leaf_id
        self._used_tokens = reading.used_tokens
        self._last_question = reading.last_question or self._last_question
        await self._show(reading)
        self._tell(self._live.phase if self._live else "idle")
        self.post_message(events.ConversationMoved(conversation_id))

    async def on_question_asked(self, event: events.QuestionAsked) -> None:
        event.stop()
        if not event.text.strip():
            return
        if self._live:
            self.notify("Esc stops the reply. Your text stays here.", markup=False)
            return
        plan = TurnPlan(question=event.text, conversation_id=self._conversation_id, parent_id=self._leaf_id)
        self._live = LiveTurn(plan)
        self._last_question = event.text
        self._composer.clear()
        await self._transcript.add(QuestionView(event.text), self._live.new_view())
        self._tell("waiting")
        self._runner.start(plan, self.post_message)

    def on_recall_wanted(self, event: events.RecallWanted) -> None:
        event.stop()
        self._composer.show_text(self._last_question)

    def on_reply_started(self, event: events.ReplyStarted) -> None:
        live, started = self._turn, event.started
        live.started = started
        self._follow(started.reply)
        if dropped := started.num_dropped_turns:
            turns = "the oldest turn does" if dropped == 1 else f"the {dropped} oldest turns do"
            live.say(f"{turns} not fit the context and was left out of what the model reads")
        self._tell("reading")
        self.post_message(events.ConversationMoved(self._conversation_id))

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
        self._follow(event.turn.reply)
        if event.not_saved:
            self._turn.say(f"not saved: {event.not_saved}")
        await self._turn.end(event.turn.reply.message.content, ending_note(event.turn.finish_reason, usage))
        rate = usage.output_tokens / usage.decode_s if usage.decode_s > 0 else None
        self._tell("idle", usage.input_tokens + usage.output_tokens, rate)
        self._forget()

    async def on_reply_failed(self, event: events.ReplyFailed) -> None:
        if self._turn.started:
            await self._turn.end(self._turn.text, f"failed: {event.error}")
        else:
            await self._withdraw(self._turn)
            await self.show_notice(event.error)
        self._tell("idle")
        self._forget()

    async def on_reply_withdrawn(self) -> None:
        await self._withdraw(self._turn)
        self._tell("idle")
        self._forget()

    @property
    def _turn(self) -> LiveTurn:
        assert self._live, "a turn's events come only while it runs"
        return self._live

    def _follow(self, reply: MessageNode) -> None:
        """Go on from `reply` with the next question, where it is on screen and was kept."""
        if self._turn.view and reply.id:
            self._conversation_id, self._leaf_id = reply.conversation_id, reply.id

    async def _withdraw(self, live: LiveTurn) -> None:
        """Put a question that was not kept back into the composer, before what was typed since."""
        if live.view:
            await self._transcript.remove_turn(live.view)
        self._composer.show_text("\n".join(filter(None, [live.plan.question, self._composer.text])))

    def _forget(self) -> None:
        self._live = None
        self.post_message(events.ConversationMoved(self._conversation_id))

    async def _show(self, reading: Reading) -> None:
        """Draw a conversation, and the running turn if it is its own."""
        live = self._live
        if live:
            live.view = None
        if live is None or not live.conversation_id or live.conversation_id != self._conversation_id:
            await self._transcript.show(reading)
            return
        started = live.started
        nodes = [node for node in reading.nodes if not (started and node.id == started.reply.id)]
        await self._transcript.show(replace(reading, nodes=nodes))
        question = [] if started else [QuestionView(live.plan.question)]
        await self._transcript.add(*question, live.new_view())

    def _tell(self, phase: events.Phase, used_tokens: int | None = None, rate: float | None = None) -> None:
        if self._live:
            self._live.phase = phase
            if self._live.view and used_tokens is not None:
                self._used_tokens = used_tokens
        self.post_message(events.TurnMoved(phase, self._used_tokens, rate))
