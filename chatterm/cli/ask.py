"""`chatterm ask`: one question, one answer on stdout. Gathers what was given, runs the turn, tells how it ended."""

import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatterm.cli import inputs
from chatterm.cli.report import Report
from chatterm.errors import UsageError

if TYPE_CHECKING:  # imported when a question is asked: `--help` pays for none of them
    from chatterm.cli.answer import AnswerWriter
    from chatterm.cli.turn import Outcome
    from chatterm.cli.wiring import Workspace
    from chatterm.engine.base import CancelToken, Engine
    from chatterm.session import TurnRequest
    from chatterm.store import ConversationStore
    from chatterm.tasks import Composed, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """The command line of `ask`, as given."""

    words: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    prompt: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    lang: str | None = None
    system: str = ""
    continues: bool = False
    conversation: str | None = None
    is_private: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    """Sampling and engine settings by their names in the configuration, and `stop`."""
    as_json: bool = False
    is_streamed: bool = True
    is_rendered: bool | None = None
    """None: where stdout is a terminal."""
    shows_usage: bool = False
    is_dry_run: bool = False


def ask(options: AskOptions, workspace: "Workspace", report: Report) -> int:
    """Answer, and return the exit code. Raises ChattermError for what the user should be told."""
    from chatterm.cli.signals import cancelling
    from chatterm.engine.base import CancelToken

    asked = _question(options, workspace)
    cancel = CancelToken()
    with (
        cancelling(cancel) as caught,
        closing(workspace.open_store(is_private=options.is_private or options.is_dry_run)) as store,
    ):
        for text in store.notices:
            report.notice(text)
        place = _place(options, workspace, store)
        with closing(workspace.open_engine(report, cancel, options.settings)) as engine:
            ...
    return caught.exit_code or 0
