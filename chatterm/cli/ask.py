"""One question, one answer: gathers what was given, runs the turn, and tells how it ended."""

import sys
from contextlib import closing
from dataclasses import dataclass, replace

from chatterm.cli import inputs
from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.ask_for import ask_for
from chatterm.cli.ask_json import dry_run_object
from chatterm.cli.ask_options import AskOptions
from chatterm.cli.ask_turn import AskTurn
from chatterm.cli.documents_told import document_objects, tell_of
from chatterm.cli.report import Report
from chatterm.cli.signals import Stopped, cancelling
from chatterm.cli.wiring import Workspace
from chatterm.conversation import ModelCard
from chatterm.engine.base import CancelToken, Engine
from chatterm.errors import InputRefused, UsageError
from chatterm.prompts import MissingInput
from chatterm.session import ChatSession
from chatterm.store import ConversationStore
from chatterm.tasks import Composed, Question, choose_prompt, compose, earlier_in
from chatterm.tasks.answer_shape import Wish
from chatterm.tasks.answering import Means, Reading, ReadingWish, Target, answer, choose_reading, with_form
from chatterm.tasks.schemas import read_answer_schema

_ANY_MODEL = ModelCard(name="", identity="", context_length=1, num_parameters=None)


def ask(options: AskOptions) -> int:
    """Answer, and return the exit code. Raises ChattermError for what the user should be told."""
    report = Report.to_stderr(is_quiet=options.is_quiet)
    workspace = Workspace.from_environment()
    question = _completed(_question(options, workspace, report), workspace, report)
    if options.is_private and question.continues:
        raise UsageError("--private begins a conversation of its own; leave out -c and --cid, or --private")
    _check_together(options)
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


def _check_together(options: AskOptions) -> None:
    """Raise UsageError where options do not go together, before anything is read."""
    if options.num_alternatives is not None and not options.as_json:
        raise UsageError("--logprobs tells of each token in the JSON form; add --json")
    if options.num_alternatives is not None and options.choices is not None:
        raise UsageError("--choices scores labels, and --logprobs tells of written tokens; leave one out")
    if options.extracts and (options.choices is not None or options.schema is not None):
        raise UsageError("-x takes a block out of a free answer; leave out --choices and --schema, or -x")


def _wish(options: AskOptions) -> Wish:
    """Raises UsageError for a schema or choices that are none."""
    return Wish(
        choices=inputs.choices(options.choices) if options.choices is not None else (),
        schema=read_answer_schema(options.schema) if options.schema is not None else None,
        num_samples=options.num_samples,
    )


def _question(options: AskOptions, workspace: Workspace, report: Report) -> Question:
    """Read what was given and choose the prompt. Raises UsageError where there is nothing to answer."""
    if inputs.STDIN in options.files and inputs.stdin_is_terminal():
        report.notice("reading the document from the terminal; end it with Ctrl+D")
    elif options.files or not inputs.stdin_is_terminal():
        report.progress("reading the documents")
    try:
        documents = inputs.read_documents(options.files)
    finally:
        report.clear()
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
        wish=_wish(options),
    )


def _completed(question: Question, workspace: Workspace, report: Report) -> Question:
    """Find mistakes before a model is loaded; on a terminal ask for the inputs that are missing."""
    while True:
        try:
            compose(question, _ANY_MODEL, workspace.sampling_defaults)
        except MissingInput as missing:
            empty = [one.name for one in question.documents if not one.text.strip()]
            if missing.is_document and empty:
                raise InputRefused(
                    f"{', '.join(empty)} has no text for the prompt {missing.prompt_id}; name another file"
                ) from missing
            if missing.is_document or not inputs.can_ask():
                raise
            value = ask_for(missing, question.lang or "en", report)
            question = replace(question, values={**question.values, missing.name: value})
        else:
            return question


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
        target = self._target()
        settings = self.options.settings
        model = self.workspace.obtain_model(settings, self.report, self.cancel)
        self.report.progress("loading the model")
        with closing(self.workspace.open_engine(model, settings)) as engine:
            tell_of(question.documents, engine, self.report, is_dry_run=self.options.is_dry_run)
            composed = compose(
                question,
                engine.describe(),
                self.workspace.sampling_defaults,
                num_alternatives=self.options.num_alternatives,
            )
            means = self._means(engine)
            wish = ReadingWish(in_parts=self.options.in_parts, each=self.options.each)
            reading = choose_reading(composed, means, target, wish)
            if reading is not None:
                self.report.progress("cutting the documents into parts")
            if self.options.is_dry_run:
                return self._show_dry_run(composed, reading, means, target)
            shaped = with_form(composed, reading)
            earlier = earlier_in(self.store, target.parent_id)
            turn = AskTurn(self.options, self.report, self.cancel, engine, shaped, reading, earlier)
            return turn.play(answer(composed, reading, means, target, self.cancel))

    def _means(self, engine: Engine) -> Means:
        calibrations = self.workspace.calibrations(is_private=self.options.is_private)
        return Means(
            engine,
            self.store,
            ChatSession(engine, self.store, calibrations),
            self.workspace.sampling_defaults,
            self.workspace.prompt_library(),
        )

    def _target(self) -> Target:
        """Find the conversation to go on with. Raises UnknownName or UsageError."""
        if self.options.conversation is not None:
            conversation_id = self.store.resolve(self.options.conversation)
        elif self.options.continues:
            last = self.store.last_conversation()
            if last is None:
                raise UsageError("there is no conversation to continue; ask without -c to begin one")
            conversation_id = last
        else:
            return Target()
        path = self.store.path(conversation_id)
        return Target(conversation_id=conversation_id, parent_id=path[-1].id if path else None)

    def _show_dry_run(self, composed: Composed, reading: Reading | None, means: Means, target: Target) -> int:
        for text in composed.notices:
            self.report.notice(text)
        if reading is not None:
            from chatterm.cli.parts_plan import show_plan  # 20 ms, which other questions do not take

            return show_plan(reading, means, self.report, as_json=self.options.as_json)
        engine = means.engine
        fitted = means.session.fit(composed.request, target.parent_id)
        count = engine.count(fitted.messages)
        shown = dry_run_object(composed, fitted, count, engine.describe())
        shown["documents"] = document_objects(composed.question.documents, engine)
        self.report.clear()
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
