"""The entry point: the commands, and how an error becomes a message and an exit code.

Nothing heavy is imported here: `chatterm --help` and `--version` answer at once. Each command imports what
it needs when it runs.
"""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Exit, TyperException

from chatterm import __version__
from chatterm.cli import (
    ask_command,
    bench_command,
    cache_command,
    config_command,
    db_command,
    history_command,
    inputs,
    models_command,
    prompts_command,
)
from chatterm.cli.answer import READER_GONE, ReaderGone, silence_stdout
from chatterm.cli.light_parameters import lighten
from chatterm.cli.listing import AsJson
from chatterm.cli.parameters import Ctx, Device, Model, Offline, Quantize, Threads
from chatterm.cli.report import Report
from chatterm.errors import ChattermError, OutOfMemory

app = typer.Typer(
    help="A terminal chat assistant that runs the model itself: private, offline, on your own machine.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("ask")(ask_command.ask)
app.add_typer(models_command.app, name="models")
app.add_typer(prompts_command.app, name="prompts")
app.add_typer(history_command.app, name="history")
app.add_typer(db_command.app, name="db")
app.add_typer(config_command.app, name="config")
app.add_typer(cache_command.app, name="cache")
app.command("bench")(bench_command.bench)


@app.command("doctor")
def doctor(as_json: AsJson = False) -> None:
    """Show what was found on this machine, what is wrong, and how to mend it.

    Exit code 1 where anything is wrong.
    """
    from chatterm.cli.doctor import examine

    raise Exit(examine(as_json=as_json))


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"chatterm {__version__}")
        raise Exit


@app.callback()
def chat(
    context: typer.Context,
    model: Model = None,
    prompt: Annotated[
        str | None, typer.Option("-p", "--prompt", help="Begin with this prompt of the library.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option("-f", "--file", help="Attach a document, as one piped in is. Repeatable."),
    ] = None,
    cid: Annotated[
        str | None,
        typer.Option("--cid", metavar="ID", help="Open this conversation; the start of its id will do."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Write nothing of this session anywhere.")
    ] = False,
    theme: Annotated[str | None, typer.Option(help="Colour theme of the app.")] = None,
    screen_reader: Annotated[
        bool, typer.Option("--screen-reader", help="Plain labelled lines, for screen readers.")
    ] = False,
    device: Device = None,
    ctx: Ctx = None,
    threads: Threads = None,
    quantize: Quantize = None,
    offline: Offline = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """Open the chat app; a document piped in is attached. To ask one question instead: chatterm ask "..."."""
    if context.invoked_subcommand is None:
        from chatterm.cli.chat_command import AppOptions, open_app

        settings = {
            "model": model,
            "theme": theme,
            "device": device,
            "ctx": ctx,
            "threads": threads,
            "quantize": quantize,
            "offline": offline or None,
        }
        options = AppOptions(
            settings=inputs.given(settings),
            prompt=prompt,
            conversation=cid,
            files=tuple(file or ()),
            is_private=private,
            is_screen_reader=screen_reader,
        )
        raise Exit(open_app(options))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Errors are told on stderr; a traceback only with --debug."""
    try:
        arguments = inputs.with_default_counts(arguments)
        command = typer.main.get_command(app)
        lighten(command)
        return int(command.main(list(arguments), prog_name="chatterm", standalone_mode=False) or 0)
    except ReaderGone:
        silence_stdout()
        return READER_GONE
    except (KeyboardInterrupt, typer.Abort):
        return 128 + signal.SIGINT
    except Exception as error:  # noqa: BLE001  # the last door: a defect is told like any other failure
        if "--debug" in arguments:
            traceback.print_exception(error)
        code, message = explain(error)
        Report.to_stderr().error(message)
        return code


def explain(error: Exception) -> tuple[int, str]:
    """Return the exit code and the message of what ended a command."""
    match error:
        case ChattermError():
            return error.exit_code, str(error)
        case TyperException():
            return error.exit_code, f"{error.format_message()} (chatterm --help lists what there is)"
        case MemoryError():
            return OutOfMemory.exit_code, "no memory is left; choose a smaller model or a shorter --ctx"
        case OSError():
            return 1, f"{error.filename or 'output'}: {error.strerror or error}"
        case _:
            name = type(error).__name__
            return 1, f"internal error: {name}; run again with `chatterm --debug ...` for details"


def main() -> None:
    """Console script. stdout can show any text: what its encoding lacks becomes a question mark.

    Where stdout is closed, an answer is kept all the same.
    """
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # to the end
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a TextIOWrapper, at start-up
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
