"""`chatterm` without a command: the app."""

import gc
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.cli import inputs
from chatterm.cli.engine_opener import EngineOpener
from chatterm.cli.report import Report
from chatterm.cli.signals import ended_by_signals
from chatterm.cli.terminal import check_keys, check_screen, keys_from
from chatterm.cli.wiring import Workspace
from chatterm.config import load_config
from chatterm.conversation import ModelCard
from chatterm.engine.base import CancelToken
from chatterm.errors import UsageError

if TYPE_CHECKING:
    from chatterm.engine.registry import EchoModel
    from chatterm.models.discovery import ModelFile
    from chatterm.store import ConversationStore
    from chatterm.tasks import Composed
    from chatterm.tasks.model_shelf import ModelShelf
    from chatterm.tui.drafts import Draft
    from chatterm.tui.parts import AppParts

TERMINAL = Path("/dev/tty")
"""The process's own terminal, also where standard input is a pipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """The command line of the app, as given."""

    settings: Mapping[str, object] = field(default_factory=dict)
    """Of the model, the engine and the app, by their names in the configuration."""
    prompt: str | None = None
    conversation: str | None = None
    files: tuple[Path, ...] = ()
    is_private: bool = False
    is_screen_reader: bool = False


def open_app(options: AppOptions) -> int:
    """Open the app on this terminal and return the exit code; a missing model is fetched before.

    A document on standard input is read first, and the keys from the terminal then. Raises ChattermError
    where the app cannot be shown, or something that was named does not exist.
    """
    workspace = Workspace.from_environment()
    is_plain = options.is_screen_reader or workspace.config.screen_reader
    if not is_plain:
        check_screen()
    is_piped = not inputs.stdin_is_terminal()
    if is_piped:
        check_keys(TERMINAL)
    draft = _draft(options, workspace, is_piped=is_piped)
    with ExitStack() as stack:
        stack.callback(gc.enable)
        gc.disable()  # what is imported and opened here stays: no use in looking through it again and again
        store = stack.enter_context(closing(workspace.open_store(is_private=options.is_private)))
        conversation_id = _conversation(options, store)
        model = _model(options, workspace)
        if is_piped:
            stack.enter_context(keys_from(TERMINAL))
        parts = _parts(options, workspace, store, model, conversation_id=conversation_id, draft=draft)
        if is_plain:
            from chatterm.tui.plain import run_plain

            _collect_again()
            return run_plain(parts, sys.stdout)
        from chatterm.tui.app import run

        _collect_again()
        return run(parts)


def _collect_again() -> None:
    gc.freeze()
    gc.enable()


def _draft(options: AppOptions, workspace: Workspace, *, is_piped: bool) -> "Draft | None":
    """Read what is to stand in the composer; None: nothing was given."""
    from chatterm.tui.drafts import Draft

    if options.prompt is not None:
        workspace.prompt_library().get(options.prompt)
    if inputs.STDIN in options.files and not is_piped:
        raise UsageError("-f - reads a document from standard input, which is the terminal; pipe it in")
    documents = inputs.read_documents(options.files)
    if is_piped and inputs.PIPED not in [document.name for document in documents[:1]]:
        raise UsageError("standard input is empty, so there is no document; open the app with: chatterm")
    if not documents and options.prompt is None:
        return None
    return Draft(text="", documents=documents, prompt_id=options.prompt)


def _conversation(options: AppOptions, store: "ConversationStore") -> str | None:
    if options.conversation is None:
        return None
    if options.is_private:
        raise UsageError("--private begins a conversation of its own; leave out --cid or --private")
    return store.resolve(options.conversation)


def _model(options: AppOptions, workspace: Workspace) -> "ModelFile | EchoModel":
    """Return the chosen model, fetched where it is missing. Raises Exit after a signal."""
    cancel, report = CancelToken(), Report.to_stderr()
    with ended_by_signals(cancel, report):
        return workspace.obtain_model(options.settings, report, cancel)


def _parts(  # keyword-only
    options: AppOptions,
    workspace: Workspace,
    store: "ConversationStore",
    model: "ModelFile | EchoModel",
    *,
    conversation_id: str | None,
    draft: "Draft | None",
) -> "AppParts":
    from chatterm.tui.keys import keymap_of
    from chatterm.tui.parts import AppParts
    from chatterm.tui.settings import SettingsSource

    chosen, config = options.settings, workspace.config
    opener = EngineOpener(workspace, chosen)
    return AppParts(
        store=store,
        calibrations=workspace.calibrations(is_private=options.is_private),
        open_engine=lambda: opener.open(model),
        compose=lambda draft, card, continues: _compose(workspace.reread(), chosen, draft, card, continues),
        sampling_defaults=lambda: workspace.reread().sampling_defaults,
        model_name=str(chosen.get("model") or workspace.model_name),
        theme=str(chosen.get("theme") or config.theme),
        models=_shelf(workspace, chosen),
        open_model=opener.open,
        lengthen=opener.lengthen,
        open_library=workspace.prompt_library,
        lang=config.lang or "en",
        keys=keymap_of(config),
        settings=SettingsSource(
            load=lambda: load_config(os.environ, workspace.paths),
            path=workspace.paths.config_file,
            options=chosen,
        ),
        conversation_id=conversation_id,
        draft=draft,
        is_private=options.is_private,
        is_screen_reader=options.is_screen_reader or config.screen_reader,
    )


def _shelf(workspace: Workspace, settings: Mapping[str, object]) -> "ModelShelf":
    from chatterm.tasks.model_shelf import ModelShelf

    length = settings.get("ctx") or workspace.config.ctx
    return ModelShelf(
        folder=workspace.paths.models,
        catalogue=workspace.catalogue,
        cache=workspace.paths.cache,
        context_length=length if isinstance(length, int) else None,
        is_offline=bool(settings.get("offline")) or workspace.is_offline,
    )


def _compose(
    workspace: Workspace, settings: Mapping[str, object], draft: "Draft", card: ModelCard, continues: bool
) -> "Composed":
    from chatterm.tasks import Question, choose_prompt, compose  # opening the app does without

    question = Question(
        text=draft.text,
        documents=draft.documents,
        prompt=choose_prompt(workspace.prompt_library(), draft.prompt_id, has_text=bool(draft.text)),
        is_prompt_chosen=draft.prompt_id is not None,
        values=draft.values,
        system=draft.system,
        settings={**settings, **draft.settings},
        lang=workspace.config.lang,
        emergency_number=workspace.config.emergency_number,
        continues=continues,
    )
    return compose(question, card, workspace.sampling_defaults)
