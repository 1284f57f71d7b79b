"""stderr: notices unless quiet, errors always, progress only on a terminal that draws."""

import errno
import io
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.cli.report import Report
from chatterm.errors import StoreError
from tests.support.chatterm_process import COMMAND
from tests.support.terminal_process import TerminalProcess


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_only_for_terminals() -> None:
    for stream, term in ((io.StringIO(), "xterm"), (Terminal(), "dumb")):
        report = Report(stream, term=term)
        report.progress("1 of 2")
        report.clear()
        assert stream.getvalue() == ""


def test_progress_is_taken_away_before_anything_else() -> None:
    stream = Terminal()
    report = Report(stream, term="xterm")
    report.progress("1 of 2")
    report.progress("1 of 2")
    report.notice("done")
    report.clear()
    assert stream.getvalue() == "\r\x1b[K1 of 2\r\x1b[Kchatterm: done\n"


@pytest.mark.usefixtures("home")
def test_progress_gives_way_to_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with closing(TerminalProcess([*COMMAND, "prompts", "show", "summarize", "-m", str(path)])) as terminal:
        assert terminal.exit_code() == 4
    assert b"loading the model\r\x1b[Kchatterm: " in terminal.output


def test_quiet_leaves_errors() -> None:
    stream = Terminal()
    report = Report(stream, term="xterm", is_quiet=True)
    report.progress("1 of 2")
    report.notice("dropped")
    report.error(StoreError("the disk is full\nfree some space"))
    assert stream.getvalue() == "chatterm: the disk is full\nfree some space\n"


@pytest.mark.parametrize("say", ["notice", "error", "usage"])
def test_what_is_said_is_sanitised(say: str) -> None:
    stream = io.StringIO()
    getattr(Report(stream), say)("no model \x1b[2J is known")
    assert "\x1b" not in stream.getvalue()
    assert "no model \u241b[2J is known" in stream.getvalue()


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.ENOSPC, "full"), ValueError("closed")])
def test_a_stderr_that_takes_nothing_is_no_failure(error: Exception) -> None:
    stream = Deaf(error)
    report = Report(stream, term="xterm")
    report.progress("nobody sees this")
    report.notice("nobody hears this")
    report.error("nor this")
    assert stream.tried >= 3


class Deaf(Terminal):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.tried = 0

    def write(self, text: str) -> int:
        self.tried += 1
        raise self.error


def test_an_answer_does_not_need_stderr() -> None:
    script = f"{' '.join(COMMAND)} ask -m echo --private -u hello 2> /dev/full"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "hello\n")
