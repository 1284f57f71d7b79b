"""One question, one answer: gathers what was given, runs the turn, and tells how it ended."""

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from chatterm.cli import inputs
from chatterm.cli.answer import (
    READER_GONE,
    AnswerWriter,
    PlainAnswer,
    SilentAnswer,
    WholeAnswer,
    print_safely,
    to_json,
)
from chatterm.cli.ask_for import ask_for
from chatterm.cli.ask_json import dry_run_object, reply_object, token_object
from chatterm.cli.report import Report
from chatterm.cli.signals import Stopped, cancelling
from chatterm.cli.turn import TurnPlayer, usage_line
from chatterm.cli.wiring import Workspace
from chatterm.conversation import ModelCard
from chatterm.engine.base import CancelToken, Engine
from chatterm.errors import CheckFailed, UsageError
from chatterm.prompts import MissingInput
from chatterm.session import ChatSession
from chatterm.store import ConversationStore
from chatterm.tasks import Composed, Question, checked, choose_prompt, compose, earlier_in


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """The command line of `ask`, as given."""

    words: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    prompt: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    continues: bool = False
    conversation: str | None = None
    is_private: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    """Of the model, the engine and sampling, by their names in the configuration; and `stop`, a list."""
    num_alternatives: int | None = None
    """Of each token, in the JSON form; None: nothing is told of probabilities."""
    as_json: bool = False
    is_streamed: bool = True
    is_rendered: bool | None = None
    """None: where stdout is a terminal."""
    shows_usage: bool = False
    is_dry_run: bool = False
    is_strict: bool = False
    """Whether an answer that the checks find fault with fails, after it is printed."""
    is_quiet: bool = False


class Place(NamedTuple):
    """Where in the store a turn goes; both None for a new conversation."""

    conversation_id: str | None
    parent_id: str | None


def ask(options: AskOptions) -> int:
    """Answer, and return the exit code. Raises ChattermError for what the user should be told."""
    report = Report.to_stderr(is_quiet=options.is_quiet)
    workspace = Workspace.from_environment()
    question = _completed(_question(options, workspace, report), workspace, report)
    if options.is_private and question.continues:
        raise UsageError("--private begins a conversation of its own; leave out -c and --cid, or --private")
    if options.num_alternatives is not None and not options.as_json:
        raise UsageError("--logprobs tells of each token in the JSON form; add --json")
    cancel = CancelToken()
    keeps_nothing = options.is_private or (options.is_dry_run and not question.continues)
    with cancelling(cancel) as caught, closing(workspace.open_store(is_private=keeps_nothing)) as store:
        try:
            code = _Ask(options, workspace, report, cancel, store).answer(question)
        except Stopped:
            code = 130
        finally:
            report.clear()
    return caught.exit_code or code


def _question(options: AskOptions, workspace: Workspace, report: Report) -> Question:
    """Read what was given and choose the prompt. Raises UsageError where there is nothing to answer."""
    if inputs.STDIN in options.files and inputs.stdin_is_terminal():
        report.notice("reading the document from the terminal; end it with Ctrl+D")
    documents = inputs.read_documents(options.files)
    text = inputs.joined(options.words)
    if not (text or documents or options.prompt):
        raise UsageError('there is nothing to answer: chatterm ask "a question", or pipe a document into it')
    lang = options.settings.get("lang") or workspace.config.lang
    return Question(
        text=text,
        documents=documents,
        prompt=choose_prompt(workspace.prompt_library(), options.prompt, has_text=bool(text)),
        is_prompt_chosen=options.prompt is not None,
        values=options.values,
        lang=str(lang) if lang else None,
        system=options.system,
        settings=options.settings,
        emergency_number=workspace.config.emergency_number,
        continues=options.continues or options.conversation is not None,
    )


def _completed(question: Question, workspace: Workspace, report: Report) -> Question:
    """Find mistakes before a model is loaded; on a terminal ask for the inputs that are missing."""
    while True:
        try:
            compose(question, _ANY_MODEL, workspace.sampling_defaults)
        except MissingInput as missing:
            if missing.is_document or not (inputs.stdin_is_terminal() and sys.stderr.isatty()):
                raise
            value = ask_for(missing, question.lang or "en", report)
            question = replace(question, values={**question.values, missing.name: value})
        else:
            return question


_ANY_MODEL = ModelCard(name="", identity="", context_length=1, num_parameters=None)


@dataclass(frozen=True, slots=True)
class _Ask:
    """What answering needs, opened."""

    options: AskOptions
    workspace: Workspace
    report: Report
    cancel: CancelToken
    store: ConversationStore

    def answer(self, question: Question) -> int:
        for text in self.store.notices:
            self.report.notice(text)
        place = self._place()
        settings = self.options.settings
        model = self.workspace.obtain_model(settings, self.report, self.cancel)
        self.report.progress("loading the model")
        with closing(self.workspace.open_engine(model, settings)) as engine:
            composed = compose(
                question,
                engine.describe(),
                self.workspace.sampling_defaults,
                num_alternatives=self.options.num_alternatives,
            )
            session = ChatSession(engine, self.store)
            if self.options.is_dry_run:
                return self._show_dry_run(session, engine, composed, place)
            return self._play(session, engine, composed, place)

    def _place(self) -> Place:
        """Find the conversation to go on with. Raises UnknownName or UsageError."""
        if self.options.conversation is not None:
            conversation_id = self.store.resolve(self.options.conversation)
        elif self.options.continues:
            last = self.store.last_conversation()
            if last is None:
                raise UsageError("there is no conversation to continue; ask without -c to begin one")
            conversation_id = last
        else:
            return Place(None, None)
        path = self.store.path(conversation_id)
        return Place(conversation_id, path[-1].id if path else None)

    def _show_dry_run(self, session: ChatSession, engine: Engine, composed: Composed, place: Place) -> int:
        fitted = session.fit(composed.request, place.parent_id)
        count = engine.count(fitted.messages)
        shown = dry_run_object(composed, fitted, count, engine.describe())
        if self.options.as_json:
            print_safely(sys.stdout, to_json(shown))
            return 0
        for message in fitted.messages:
            print_safely(sys.stdout, f"--- {message.role}\n{message.content}\n")
        about = "" if count.is_exact else "about "
        self.report.notice(
            f"{about}{count.tokens:,} tokens in {len(fitted.messages)} messages; nothing was generated"
        )
        return 0

    def _play(self, session: ChatSession, engine: Engine, composed: Composed, place: Place) -> int:
        player = TurnPlayer(self._writer(), self.report, self.cancel)
        for text in (*engine.describe().notices, *composed.notices):
            player.notice(text)
        events = session.send(
            composed.request, self.cancel, conversation_id=place.conversation_id, parent_id=place.parent_id
        )
        earlier = earlier_in(self.store, place.parent_id)
        outcome = player.play(checked(events, composed, earlier))
        if outcome.turn and self.options.as_json and not outcome.is_reader_gone:
            shown = reply_object(outcome.turn, composed, engine.describe(), outcome.notices)
            shown["verification"] = outcome.checks[-1].as_json()
            if self.options.num_alternatives is not None:
                shown["logprobs"] = [token_object(detail) for detail in outcome.details]
            print_safely(sys.stdout, to_json(shown))
        if outcome.turn and self.options.shows_usage:
            for text in (*engine.describe().notes, usage_line(outcome.turn)):
                self.report.usage(text)
        if outcome.is_reader_gone:
            return READER_GONE
        if outcome.not_saved:
            return outcome.not_saved.exit_code
        if self.options.is_strict and any(one.fails_strictly for one in outcome.checks):
            raise CheckFailed("the answer does not pass --strict; what is amiss stands above, and in --json")
        return 0

    def _writer(self) -> AnswerWriter:
        options = self.options
        if options.as_json:
            return SilentAnswer()
        is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        if options.is_rendered or (options.is_rendered is None and is_terminal):
            from rich.console import Console

            from chatterm.cli.rendered import RenderedAnswer

            writer: AnswerWriter = RenderedAnswer(Console())
        else:
            writer = PlainAnswer(sys.stdout)
        return writer if options.is_streamed else WholeAnswer(writer)
