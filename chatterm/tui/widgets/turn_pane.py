"""TurnPane: what the running turn tells, and how it ends."""

from chatterm.conversation import MessageNode
from chatterm.tasks.reading.words import short_progress
from chatterm.tui import events
from chatterm.tui.active_path import note_of
from chatterm.tui.live_turn import LiveTurn
from chatterm.tui.parts_state import GOES_ON, PartsState, halted_text
from chatterm.tui.widgets.turn_stage import TurnStage


class TurnPane(TurnStage):
    """Its handlers run one at a time, in the order of the events."""

    def on_question_stored(self, event: events.QuestionStored) -> None:
        live = self._turn
        is_shown = live.is_shown
        live.keep(event.question)
        self._settle(live, event.question, is_shown=is_shown)
        self._tell("reading")

    def on_parts_grew(self, event: events.PartsGrew) -> None:
        progress = self._turn.read_on(event.growth).progress
        if progress:
            self._tell("reading", reading=short_progress(progress))

    def on_lines_left_out(self, event: events.LinesLeftOut) -> None:
        live = self._turn
        live.parts = live.parts or PartsState()
        live.parts.not_read.append(event.not_read)

    async def on_reading_halted(self, event: events.ReadingHalted) -> None:
        """The question stays; it goes on when it is asked again."""
        await self._end_without_reply(halted_text(event.num_kept, event.total))

    async def on_reply_started(self, event: events.ReplyStarted) -> None:
        live, started = self._turn, event.started
        is_shown, was_kept = live.is_shown, live.is_kept
        await live.begin(started)
        self._failures.pop(started.question.id, None)
        if was_kept and is_shown:
            self._place = live.place
        elif not was_kept:
            self._settle(live, started.question, is_shown=is_shown)
        if dropped := started.num_dropped_turns:
            turns = "the oldest turn does" if dropped == 1 else f"the {dropped} oldest turns do"
            live.say(f"{turns} not fit the context and was left out of what the model reads")
        self._tell("reading")
        self.post_message(events.ConversationMoved(self._place.conversation_id))

    def _settle(self, live: LiveTurn, question: MessageNode, *, is_shown: bool) -> None:
        """The store has the question: the next one goes below it, and the composer need not keep it."""
        if is_shown:
            self._place = live.place
        if live.asks:
            self._composer.settled(live.plan.conversation_id, question.conversation_id, is_shown=is_shown)
            self._keep_waiting()
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
        live, turn = self._turn, event.turn
        live.place = live.place.after(turn.reply)
        live.name_views(turn.question.id, turn.reply.id)
        if live.is_shown:
            self._place = live.place
        if event.not_saved:
            live.say(f"not saved: {event.not_saved}")
        await live.end(turn.reply.message.content, note_of(turn.reply, turn.finish_reason, turn.usage))
        rate = turn.usage.output_tokens / turn.usage.decode_s if turn.usage.decode_s > 0 else None
        used = turn.usage.input_tokens + turn.usage.output_tokens
        await self._end_turn(None if live.parts else used, rate)

    async def on_reply_failed(self, event: events.ReplyFailed) -> None:
        live = self._turn
        if live.started:
            self._failures[live.reply_id] = f"failed: {event.error}"
            await live.end(live.text, self._failures[live.reply_id])
        elif live.question:
            why = f"failed: {event.error}" if event.error else "stopped"
            await self._end_without_reply(f"{why}{GOES_ON}")
            return
        else:
            await self._withdraw(live)
            if event.error:
                self.post_message(events.NoticeGiven(event.error))
        await self._end_turn()

    async def _end_without_reply(self, note: str) -> None:
        """Leave the question in the transcript, with a note of how it goes on."""
        live = self._turn
        if live.question:
            self._failures[live.question.id] = note
        await self.transcript.remove_views(live.view)
        await self._end_turn()

    async def _end_turn(self, used_tokens: int | None = None, rate: float | None = None) -> None:
        """Let the messages be shown as the store has them, then run what waits."""
        if self._turn.conversation_id == self._place.conversation_id:
            await self.reread()
        self._tell("idle", used_tokens, rate)
        await self._run_next()

    async def _withdraw(self, live: LiveTurn) -> None:
        """Put a question that was not kept back into the composer, with what waited behind it."""
        await self.transcript.remove_views(live.view, live.question_view)
        if not live.asks:
            return
        draft, waiting = live.plan.draft, self._queue.of(live.conversation_id)
        for queued in waiting:
            draft = draft.before(await self._unqueued(queued))
        self._composer.withdrawn(live.plan.conversation_id, draft)
