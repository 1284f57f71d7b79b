"""Runs the turn of `ask`, and puts the answer on stdout in its form: as it comes, whole, a table, or JSON."""

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from chatterm.cli.answer import (
    READER_GONE,
    AnswerWriter,
    PlainAnswer,
    ReaderGone,
    SilentAnswer,
    WholeAnswer,
    print_safely,
    to_json,
)
from chatterm.cli.ask_json import reply_object, scored_object, structured_object, token_object
from chatterm.cli.ask_options import AskOptions
from chatterm.cli.cited import CitedAnswer, with_lines
from chatterm.cli.documents_told import document_objects
from chatterm.cli.formed import list_text, print_table, scored_notices, scored_text
from chatterm.cli.parts import reading_object
from chatterm.cli.report import Report
from chatterm.cli.turn import Outcome, TurnPlayer, usage_line
from chatterm.conversation import Turn
from chatterm.engine.base import CancelToken, Engine
from chatterm.errors import CheckFailed
from chatterm.tasks import Checked, Composed, Earlier, TaskEvent
from chatterm.tasks.answering import Reading
from chatterm.tasks.citing import grounds_of
from chatterm.tasks.doubt import without_doubtful
from chatterm.tasks.extract import first_fenced
from chatterm.tasks.grounds import Grounds
from chatterm.tasks.structured import StructuredAnswer, read_answer
from chatterm.tasks.views import View, view_answer


@dataclass(frozen=True, slots=True)
class AskTurn:
    """One turn of `ask`, ready to run."""

    options: AskOptions
    report: Report
    cancel: CancelToken
    engine: Engine
    composed: Composed
    """With the form of its answer."""
    reading: Reading | None = None
    """How its documents are read, where that is in parts."""
    earlier: Earlier = field(default_factory=Earlier)
    """What the conversation has before it."""

    def play(self, events: Generator[TaskEvent]) -> int:
        """Run it, and return the exit code. Raises ReaderGone; CheckFailed by `--strict`."""
        writer = self._writer() if self._comes_as_it_is else SilentAnswer()
        player = TurnPlayer(
            writer,
            self.report,
            self.cancel,
            printed=self.reading if self.options.shows_partials and not self.options.as_json else None,
            is_private=self.options.is_private,
        )
        for text in (*self.engine.describe().notices, *self.composed.notices):
            player.notice(text)
        for text in self._unmet():
            player.notice(text)
        with closing(events):
            outcome = player.play(events)
        if outcome.turns and not outcome.is_reader_gone:
            try:
                self._show(outcome, player)
            except BrokenPipeError as error:
                raise ReaderGone from error
        return self._exit_code(outcome)

    def _unmet(self) -> Iterator[str]:
        """Say which options have nothing to show."""
        if self.options.cites and not self._grounds:
            yield (
                "--cite has no effect on labels: they have no lines of their own"
                if self.composed.checks.is_closed
                else "--cite finds nothing to cite: no document goes with this answer"
            )
        if self.options.shows_partials and self.reading is None:
            yield "--partials has no effect: no document is read in parts; --in-parts reads so what fits"

    @property
    def _comes_as_it_is(self) -> bool:
        """False: what is shown is made of the whole answer."""
        options, request = self.options, self.composed.request
        has_form = self.composed.output.schema is not None or request.scoring or options.extracts
        return not (options.as_json or has_form or request.num_samples > 1)

    def _exit_code(self, outcome: Outcome) -> int:
        if outcome.is_reader_gone:
            return READER_GONE
        if outcome.not_saved:
            return outcome.not_saved.exit_code
        if self.options.is_strict and any(one.fails_strictly for one in outcome.checks):
            raise CheckFailed("the answer does not pass --strict; what is amiss stands above, and in --json")
        if self.options.is_strict and outcome.scored and outcome.scored.is_unsure:
            raise CheckFailed("no label is sure enough for --strict; the probabilities are in --json")
        return 0

    def _show(self, outcome: Outcome, player: TurnPlayer) -> None:
        turns = [outcome.turns[sample] for sample in sorted(outcome.turns)]
        num_samples = self.composed.request.num_samples
        if self.reading and len(turns) < num_samples:
            player.notice(f"one answer, not {num_samples:,}: code chose its sentences, the same each time")
        if outcome.scored:
            for text in scored_notices(outcome.scored):
                player.notice(text)
        if self.options.as_json:
            objects = [self._object(sample, outcome, player) for sample in sorted(outcome.turns)]
            print_safely(sys.stdout, to_json(objects if num_samples > 1 else objects[0]))
        elif not self._comes_as_it_is:
            for number, turn in enumerate(turns, 1):
                if number > 1:
                    print_safely(sys.stdout, f"--- {number}/{len(turns)} ---")
                self._show_reply(turn, outcome, player)
        if self.options.shows_usage:
            for text in (*self.engine.describe().notes, *map(usage_line, turns)):
                self.report.usage(text)

    def _object(self, sample: int, outcome: Outcome, player: TurnPlayer) -> dict[str, Any]:
        turn = outcome.turns[sample]
        reply = turn.reply.message.content
        extra: dict[str, Any] = {}
        if self.composed.output.schema is not None:
            extra |= structured_object(self._structured(turn, outcome, player))
        if outcome.scored:
            extra |= scored_object(outcome.scored)
        if self.options.extracts:
            extra["extracted"] = self._extracted(reply, player)
        if self.options.num_alternatives is not None:
            extra["logprobs"] = [token_object(detail) for detail in outcome.details.get(sample, [])]
        shown = reply_object(turn, self.composed, self.engine.describe(), outcome.notices)
        shown["documents"] = document_objects(self.composed.question.documents, self.engine)
        if self.reading is not None:
            parts = player.parts
            extra |= reading_object(self.reading, parts, with_partials=self.options.shows_partials)
        if found := self._checks_of(turn, outcome):
            shown["verification"] = found.as_json()
            shown["sources"] = found.cited.as_json()
        return shown | extra

    def _show_reply(self, turn: Turn, outcome: Outcome, player: TurnPlayer) -> None:
        """Print one whole answer for people, or for a pipe."""
        reply = turn.reply.message.content
        if self.options.extracts:
            self._write(PlainAnswer(sys.stdout), self._extracted(reply, player))
        elif outcome.scored:
            text = scored_text(outcome.scored) if self._is_for_people else outcome.scored.text
            print_safely(sys.stdout, text)
        elif self.composed.output.schema is None:
            self._write(self._writer(), reply)
        elif (answer := self._structured(turn, outcome, player)) is None:
            self._write(PlainAnswer(sys.stdout), reply)
        else:
            self._show_structured(answer, turn, outcome)

    def _show_structured(self, answer: StructuredAnswer, turn: Turn, outcome: Outcome) -> None:
        view = view_answer(answer, self.composed.output) if self._is_for_people else None
        if view is None:
            print_safely(sys.stdout, to_json(answer.value))  # type: ignore[arg-type]  # read from JSON
            return
        found = self._checks_of(turn, outcome)
        unverified = _unverified(view, found) if found else set()
        if found and self._cites:
            view = with_lines(view, found.cited, self.composed.checks.lang)
        if view.kind == "list":
            print_safely(sys.stdout, list_text(view, unverified))
        else:
            print_table(view, unverified)

    def _structured(self, turn: Turn, outcome: Outcome, player: TurnPlayer) -> StructuredAnswer | None:
        """Read the answer, and tell what is wrong with it."""
        answer = read_answer(turn.reply.message.content, self.composed.output)
        if answer is None:
            player.notice("the answer is no JSON; it is shown as it is")
            return None
        if answer.is_truncated:
            player.notice("the answer was cut; what was whole by then is shown")
        if not self._is_for_people and not self.options.as_json:
            for name, value in answer.totals.items():
                player.notice(f"{name}: {value}")
        for text in answer.notices:
            player.notice(text)
        found = self._checks_of(turn, outcome)
        return without_doubtful(answer, found.fields, self.composed.output.computed) if found else answer

    def _extracted(self, reply: str, player: TurnPlayer) -> str:
        block = first_fenced(reply)
        if block is None:
            player.notice("the answer has no fenced block; all of it is shown")
        return reply if block is None else block

    def _checks_of(self, turn: Turn, outcome: Outcome) -> Checked | None:
        place = list(outcome.turns.values()).index(turn)
        return outcome.checks[place] if place < len(outcome.checks) else None

    @property
    def _is_for_people(self) -> bool:
        if self.options.is_rendered is not None:
            return self.options.is_rendered
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def _grounds(self) -> Grounds:
        return grounds_of(self.composed.checks, self.earlier)

    @property
    def _cites(self) -> bool:
        """Whether statements are marked: where that was asked for, and for people where a prompt verifies.

        Not by itself where the reply is to be in another language than the documents, as a translation is.
        """
        plan = self.composed.checks
        if not self._grounds or self.options.cites is not None:
            return bool(self._grounds and self.options.cites)
        is_alike = plan.reply_lang in (None, self._grounds.language)
        return self._is_for_people and bool(plan.levels) and is_alike

    def _writer(self) -> AnswerWriter:
        if self._is_for_people:
            from chatterm.cli.rendered import AnswerConsole, RenderedAnswer

            writer: AnswerWriter = RenderedAnswer(AnswerConsole())
        else:
            writer = PlainAnswer(sys.stdout)
        is_streamed = self.options.is_streamed and not self.options.shows_partials
        writer = writer if is_streamed else WholeAnswer(writer)
        if not self._cites:
            return writer
        lang = self.composed.checks.lang
        return CitedAnswer(writer, self._grounds, lang, is_markdown=self._is_for_people)

    def _write(self, writer: AnswerWriter, text: str) -> None:
        writer.write(text)
        writer.close()


def _unverified(view: View, found: Checked) -> set[tuple[int, str]]:
    """Return where in a view stands what the checks did not find in the source."""
    places = set()
    for mark in found.fields:
        row = mark.path[0] if mark.path and isinstance(mark.path[0], int) else 0
        name = next((step for step in mark.path if isinstance(step, str)), view.columns[0])
        if not mark.is_verified:
            places.add((row, name))
    return places
