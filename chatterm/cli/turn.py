"""Plays one turn to stdout and stderr: session events in, text, notices and an outcome out."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from chatterm.cli.answer import AnswerWriter, SilentAnswer, silence_stdout
from chatterm.cli.parts import PartsTold
from chatterm.cli.report import Report
from chatterm.conversation import Turn
from chatterm.engine.base import CancelToken, PrefillProgress, TextDelta, TokenDetail
from chatterm.errors import StoreError
from chatterm.session import NotSaved, Scored, TurnFinished, TurnStarted
from chatterm.tasks import Checked, TaskEvent
from chatterm.tasks.reading.events import ReadingEvent
from chatterm.tasks.reading.plan import Reading


@dataclass(slots=True)
class Outcome:
    """What came of a turn."""

    turns: dict[int, Turn] = field(default_factory=dict)
    """By the number of the sample, from 0; only those that ended."""
    scored: Scored | None = None
    """Where the reply is a label."""
    not_saved: StoreError | None = None
    is_reader_gone: bool = False
    checks: list[Checked] = field(default_factory=list)
    """What was found in each reply."""
    notices: list[str] = field(default_factory=list)
    details: dict[int, list[TokenDetail]] = field(default_factory=dict)
    """Of each sample's tokens, where they were asked for."""


class TurnPlayer:
    """Writes a turn's text as it comes. When the reader of stdout goes away the turn is stopped, and kept."""

    def __init__(
        self,
        writer: AnswerWriter,
        report: Report,
        cancel: CancelToken,
        *,
        printed: Reading | None = None,
        is_private: bool = False,
    ) -> None:
        """`printed`: what each part of it gave goes to stdout before the answer."""
        self._writer = writer
        self._report = report
        self._cancel = cancel
        self._is_writing = False
        self._num_chars = 0
        self._has_text = False
        self._num_samples = 1
        self.outcome = Outcome()
        self.parts = PartsTold(
            self.notice, self._progress, report.clear, printed=printed, is_private=is_private
        )

    def play(self, events: Iterator[TaskEvent]) -> Outcome:
        """Iterate `events` to their end. An engine's error passes through, after the text is ended."""
        try:
            for event in events:
                self._show(event)
        finally:
            self._report.clear()
            self._end_text()
        return self.outcome

    def notice(self, text: str) -> None:
        """Say it on stderr, and keep it for the JSON form."""
        self.outcome.notices.append(text)
        self._report.notice(text)

    def _show(self, event: TaskEvent) -> None:
        if isinstance(event, ReadingEvent):
            self.parts.tell(event)
            return
        match event:
            case TurnStarted(num_dropped_turns=dropped, replies=replies):
                self._is_writing = True
                self._num_samples = len(replies)
                if dropped:
                    turns = "the oldest turn does" if dropped == 1 else f"the {dropped} oldest turns do"
                    self.notice(f"{turns} not fit the context; the model reads the conversation without")
            case PrefillProgress(done=done, total=total):
                self._progress(f"reading {done:,} of {total:,} tokens")
            case TextDelta(sample=sample, text=text, details=details):
                self.outcome.details.setdefault(sample, []).extend(details)
                if text:
                    self._write_text(text)
            case Scored():
                self.outcome.scored = event
            case NotSaved(error=error):
                self.notice(f"not saved: {error}")
            case Checked(notices=notices, footers=footers):
                self.outcome.checks.append(event)
                for text in (*notices, *footers):
                    self.notice(text)
            case TurnFinished(turn=turn, not_saved=not_saved, sample=sample):
                self._finish(sample, turn, not_saved)

    def _finish(self, sample: int, turn: Turn, not_saved: StoreError | None) -> None:
        if not self.outcome.turns:
            self.parts.end()
            # Before any notice: stdout and stderr are often one terminal.
            self._end_text()
        self.outcome.turns[sample] = turn
        self.outcome.not_saved = self.outcome.not_saved or not_saved
        self._tell_end(turn, f"sample {sample + 1}: " if self._num_samples > 1 else "")

    def _progress(self, text: str) -> None:
        """Show it, unless the answer stands half written on the line where it would go."""
        if not (self._has_text and sys.stdout.isatty()):
            self._report.progress(text)

    def _tell_end(self, turn: Turn, which: str) -> None:
        if turn.finish_reason == "length":
            self.notice(f"{which}cut at {turn.usage.output_tokens:,} tokens; --max-tokens allows more")
        elif turn.finish_reason == "loop":
            self.notice(
                f"{which}stopped: the reply said the same again and again; "
                "-o loop_detection=off lets it go on, -o repeat_penalty=1.1 may help"
            )

    def _write_text(self, text: str) -> None:
        if isinstance(self._writer, SilentAnswer):
            self._num_chars += len(text)
            self._report.progress(f"{self._num_chars:,} characters written")
            return
        self._report.clear()
        self._has_text = True
        try:
            self._writer.write(text)
        except BrokenPipeError:
            self._lose_reader()

    def _end_text(self) -> None:
        if not self._is_writing:
            return
        self._is_writing = False
        try:
            self._writer.close()
        except BrokenPipeError:
            self._lose_reader()

    def _lose_reader(self) -> None:
        self.outcome.is_reader_gone = True
        self._writer = SilentAnswer()
        self._cancel.cancel()
        silence_stdout()


def usage_line(turn: Turn) -> str:
    """Return the line of `-u`: tokens, times and speeds."""
    usage = turn.usage
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    rate = f", {usage.output_tokens / usage.decode_s:.1f} tokens/s" if usage.decode_s > 0 else ""
    return (
        f"prompt {usage.input_tokens:,} tokens{cached}, read in {usage.prefill_s:.2f} s; "
        f"reply {usage.output_tokens:,} tokens in {usage.decode_s:.2f} s{rate}; ended by {turn.finish_reason}"
    )
