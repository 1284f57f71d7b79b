"""`chatterm doctor`: what was found on this machine, what is wrong, and how to mend it."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from chatterm import __version__
from chatterm.cli.listing import show_rows
from chatterm.cli.wiring import Workspace
from chatterm.errors import ChattermError
from chatterm.models.cache import GPU_KERNELS
from chatterm.models.catalogue import CatalogueEntry

_MIN_SQLITE = (3, 51, 3)
"""Earlier ones can damage a WAL database that several processes write (https://sqlite.org/wal.html)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    about: str
    is_well: bool
    found: str
    """And, where something is wrong, how to mend it."""


def examine(*, as_json: bool) -> int:
    """Print the findings and return the exit code: 1 where any is wrong."""
    workspace = Workspace.from_environment()
    findings = [finding for one in _EXAMINATIONS for finding in _told(one, workspace)]
    rows = [asdict(finding) | {"state": "ok" if finding.is_well else "WRONG"} for finding in findings]
    show_rows(rows, as_json=as_json, columns=("state", "about", "found"))
    return 0 if all(finding.is_well for finding in findings) else 1


Examination = Callable[[Workspace], Iterator[Finding]]


def _told(examination: Examination, workspace: Workspace) -> list[Finding]:
    """Run one examination; what it raises is what it found."""
    try:
        return list(examination(workspace))
    except ChattermError as error:
        return [Finding(examination.__name__.strip("_"), False, str(error))]


def _versions(_: Workspace) -> Iterator[Finding]:
    yield Finding("chatterm", True, f"{__version__}, Python {platform.python_version()}, {platform.system()}")
    packages = ("torch", "tokenizers", "textual", "sqlite-utils")
    yield Finding("packages", True, ", ".join(f"{name} {version(name)}" for name in packages))


def _machine(workspace: Workspace) -> Iterator[Finding]:
    from chatterm.engine.local.devices import choose_device, gpu_decoder, unusable_gpus
    from chatterm.engine.local.native.build import find_compiler
    from chatterm.engine.local.runtime import num_physical_cores

    threads = workspace.config.threads or num_physical_cores()
    device = choose_device(workspace.config.device)
    yield Finding("device", True, f"{device}, {threads} CPU threads")
    if device.type == "cpu":
        compiler = find_compiler()
        without = "torch's own operations; with a C compiler (cc, gcc or clang) replies come much faster"
        yield Finding("decoder", True, f"in C, compiled by {compiler}" if compiler else without)
    if device.type == "cuda":
        yield Finding("decoder", True, gpu_decoder(device, workspace.paths.cache / GPU_KERNELS))
    for reason in unusable_gpus():
        yield Finding("GPU", True, f"not used: {reason}")
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    yield Finding("memory", True, f"{pages * page / 2**30:.1f} GiB in all")


def _model(workspace: Workspace) -> Iterator[Finding]:
    model = workspace.find_model()
    if isinstance(model, CatalogueEntry):
        advice = (
            "the first question fetches it"
            if not workspace.is_offline
            else f"`chatterm models pull {model.name}`"
        )
        yield Finding("model", not workspace.is_offline, f"{model.name} is not here yet; {advice}")
        return
    from chatterm.engine.registry import EchoModel

    if isinstance(model, EchoModel):
        yield Finding("model", True, "echo: it repeats what it is told")
        return
    yield Finding("model", True, f"{model.name} ({_described(model.path)}), {model.path}")


def _described(path: Path) -> str:
    """Raises ModelError."""
    from chatterm.models.checkpoint import Checkpoint
    from chatterm.models.checkpoint_summary import describe_spec
    from chatterm.models.gguf import GGUFFile
    from chatterm.models.hyperparameters import read_hyperparameters

    if path.is_dir():
        with closing(Checkpoint.open(path)) as checkpoint:
            return describe_spec(checkpoint.spec)
    with GGUFFile.open(path) as file:
        return describe_spec(read_hyperparameters(file))


def _database(workspace: Workspace) -> Iterator[Finding]:
    from chatterm.store.driver import sqlite3

    number = sqlite3.sqlite_version
    is_safe = tuple(map(int, number.split("."))) >= _MIN_SQLITE
    advice = "" if is_safe else "; several processes at once may damage a database: pip install pysqlite3"
    yield Finding("sqlite", is_safe, number + advice)
    path = workspace.paths.database
    if not path.exists():
        yield Finding("database", True, f"{path}, made by the first question")
        return
    with closing(workspace.open_store()) as store:
        newest = store.last_conversation()
        notes = "; ".join(store.notices)
        yield Finding("database", not store.is_read_only, f"{path}{f'; {notes}' if notes else ''}")
        yield Finding("history", True, "no conversations yet" if newest is None else f"newest: {newest[:8]}")


def _prompts(workspace: Workspace) -> Iterator[Finding]:
    entries = workspace.prompt_library().entries()
    broken = [entry.id or str(entry.path) for entry in entries if entry.problems]
    advice = f"; broken: {', '.join(broken)} (`chatterm prompts check` says why)" if broken else ""
    yield Finding("prompts", not broken, f"{len(entries)} found{advice}")


def _surroundings(workspace: Workspace) -> Iterator[Finding]:
    yield Finding("configuration", True, str(workspace.paths.config_file))
    yield Finding("own prompts", True, str(workspace.paths.prompts))
    yield Finding("models", True, str(workspace.paths.models))
    yield Finding("logs", True, str(workspace.paths.logs))
    yield Finding("cache", True, str(workspace.paths.cache))
    yield Finding(
        "network", True, "never used (offline)" if workspace.is_offline else "only to fetch a model"
    )
    term = os.environ.get("TERM", "unset")
    is_terminal = "a terminal" if sys.stdout.isatty() else "no terminal"
    yield Finding("terminal", True, f"{is_terminal}, TERM={term}, encoding {sys.stdout.encoding}")


_EXAMINATIONS: tuple[Examination, ...] = (_versions, _machine, _model, _database, _prompts, _surroundings)
