"""`chatterm` without a command: the app."""

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from chatterm.cli import inputs
from chatterm.cli.report import Report
from chatterm.cli.signals import Stopped, cancelling
from chatterm.cli.wiring import Workspace
from chatterm.conversation import ModelCard
from chatterm.engine.base import CancelToken
from chatterm.errors import UsageError
from chatterm.tasks import Composed, Question, choose_prompt, compose

if TYPE_CHECKING:
    from chatterm.tasks.model_shelf import ModelShelf
    from chatterm.tui.drafts import Draft

MIN_COLUMNS, MIN_LINES = 40, 12


def open_app(settings: Mapping[str, object | None], *, is_private: bool, is_offline: bool) -> int:
    """Open the app on this terminal and return the exit code; a missing model is fetched before.

    Raises UsageError where the app cannot be shown.
    """
    check_terminal()
    from chatterm.tui.app import run
    from chatterm.tui.parts import AppParts

    workspace, report, cancel = Workspace.from_environment(), Report.to_stderr(), CancelToken()
    chosen = inputs.given(settings) | ({"offline": True} if is_offline else {})
    with cancelling(cancel) as caught:
        try:
            model = workspace.obtain_model(chosen, report, cancel)
        except Stopped:
            return caught.exit_code or 130
    with closing(workspace.open_store(is_private=is_private)) as store:
        parts = AppParts(
            store=store,
            open_engine=lambda: workspace.open_hosted_engine(model, chosen),
            compose=lambda draft, card, continues: _compose(workspace, chosen, draft, card, continues),
            model_name=str(chosen.get("model") or workspace.model_name),
            theme=str(chosen.get("theme") or workspace.config.theme),
            models=_shelf(workspace, chosen),
            open_model=lambda model: workspace.open_hosted_engine(model, chosen),
            library=workspace.prompt_library(),
            lang=workspace.config.lang or "en",
        )
        return run(parts)


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


def check_terminal() -> None:
    """Raise UsageError where the app cannot be shown, and name `chatterm ask`."""
    advice = 'ask one question with: chatterm ask "..."'
    # The app draws on stderr, which is where Textual draws.
    if not (inputs.stdin_is_terminal() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UsageError(f"the app needs a terminal, and this is none; {advice}")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise UsageError(f"the app needs a terminal that can draw, found TERM=dumb; {advice}")
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    if columns < MIN_COLUMNS or lines < MIN_LINES:
        found = f"found {columns}x{lines}, needed {MIN_COLUMNS}x{MIN_LINES}"
        raise UsageError(f"the terminal is too small for the app: {found}; enlarge it, or {advice}")


def _compose(
    workspace: Workspace, settings: Mapping[str, object], draft: "Draft", card: ModelCard, continues: bool
) -> Composed:
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
