"""`chatterm db`: the database's file: whether it is sound, a copy of it, and what to do when it is not."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Exit

from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.listing import AsJson, show_fields
from chatterm.cli.report import Report
from chatterm.errors import StoreError

app = typer.Typer(help="The database's file: check it, copy it, rescue what it holds.", no_args_is_help=True)


@app.command("check")
def check(as_json: AsJson = False) -> None:
    """Say whether the database is sound, and what it holds. Exit code 7 where it is not."""
    from chatterm.store.upkeep import examine

    path = _database()
    found = examine(path)
    if as_json:
        print_safely(sys.stdout, to_json({"path": str(path), "is_sound": not found.faults, **asdict(found)}))
    else:
        counts = {"conversations": found.num_conversations, "messages": found.num_messages}
        state = "damaged" if found.faults else "sound"
        show_fields({"database": str(path), "state": state, "schema": found.schema, **counts}, as_json=False)
        for fault in found.faults:
            print_safely(sys.stdout, f"- {fault}")
    if found.faults:
        Report.to_stderr().error(
            f"{path} is damaged; `chatterm db salvage FILE` brings what can be read into a new file"
        )
        raise Exit(StoreError.exit_code)


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; an existing one is refused.")],
) -> None:
    """Copy the database, also while it is in use; the copy is for you alone to read."""
    from chatterm.store.upkeep import back_up

    back_up(_database(), file)
    print_safely(sys.stdout, str(file))


@app.command("salvage")
def salvage(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; an existing one is refused.")],
) -> None:
    """Bring what can be read of a damaged database into a new file. The database itself stays as it is."""
    from chatterm.store.salvage import salvage as bring_over

    path = _database()
    saved = bring_over(path, file)
    print_safely(sys.stdout, str(file))
    report = Report.to_stderr()
    report.notice(f"{saved.num_conversations} conversations, {saved.num_messages} messages brought over")
    if saved.damaged_tables:
        report.notice(f"rows may be missing from: {', '.join(saved.damaged_tables)}")
    report.notice(f"to use it, move {path} with its -wal and -shm files away and put {file} in its place")


def _database() -> Path:
    from chatterm.config import Paths

    return Paths.from_environment(os.environ).database
