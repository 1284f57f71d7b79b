"""`chatterm ask` over documents that are read in parts: what goes to stdout and stderr, and how it ends."""

import json
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.store.driver import sqlite3
from tests.support.chatterm_process import COMMAND, Ended, run_chatterm, start_chatterm
from tests.support.terminal_process import TerminalProcess

REPORT = "\n\n".join(
    f"Town{number} paid {number * 7} euros to the party of hill{number}." for number in range(120)
)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.txt"
    path.write_text(REPORT, encoding="utf-8")
    return path


def ask(*arguments: str | Path, model: str = "echo", ctx: int = 400) -> Ended:
    return run_chatterm("ask", "-m", model, "--ctx", str(ctx), "--max-tokens", "60", *arguments)


def test_the_parts_come_before_the_answer_and_in_json(report: Path) -> None:
    shown = ask("-f", report, "--partials", "-u", "summarise")
    assert shown.code == 0
    heads = [line for line in shown.out.split("\n") if line.startswith("--- part ")]
    assert heads[0].startswith(f"--- part 1/{len(heads)}: report.txt, lines 1-")
    assert len(heads) > 5
    assert (
        shown.out.rindex("--- part ") < shown.out.index("--- answer ---") < shown.out.rindex("list of facts")
    )
    assert "ended by" in shown.err
    told = json.loads(ask("-f", report, "--partials", "--json", "summarise").out)
    assert (told["strategy"], told["parts"], told["not_read"]) == ("map-reduce", len(heads), [])
    assert told["prompt"] == "[report.txt: 239 lines]\n\nsummarise"
    assert [one["part"] for one in told["partials"]] == [*range(1, len(heads) + 1)]
    assert {"document", "lines", "title_path", "text", "failure", "facts"} <= told["partials"][0].keys()
    assert f"{len(heads)} of {len(heads)} parts are there from an earlier run" in told["notices"]


def test_progress_gives_way_on_a_terminal() -> None:
    """To what the parts gave, and to an error."""
    clear = b"\r\x1b[K"
    arguments = ("ask", "-m", "echo", "--private", "--partials", "--in-parts", "say it")
    with closing(TerminalProcess([*COMMAND, *arguments], piped=b"One line.")) as terminal:
        assert terminal.exit_code() == 0
    with closing(TerminalProcess([*COMMAND, *arguments], piped=b"\0binary")) as refusing:
        assert refusing.exit_code() == 8
    assert clear + b"--- part 1/1: stdin, line 1 ---" in terminal.output
    assert clear + b"chatterm: stdin is not text" in refusing.output


@pytest.mark.parametrize(("arguments", "shown"), [([], b"--- system"), (["--in-parts"], b"part 1/1: stdin")])
def test_progress_gives_way_to_a_dry_run(arguments: list[str], shown: bytes) -> None:
    command = [*COMMAND, "ask", "-m", "echo", "--dry-run", *arguments, "say it"]
    with closing(TerminalProcess(command, piped=b"One line." if arguments else None)) as terminal:
        assert terminal.exit_code() == 0
    assert b"\r\x1b[K" + shown in terminal.output


def test_a_question_says_what_was_not_read(report: Path) -> None:
    told = json.loads(ask("-f", report, "--json", "What about hill77?", ctx=700).out)
    assert told["strategy"] == "retrieve"
    (unread,) = told["not_read"]
    assert unread["places"][0].startswith("report.txt, lines 1-")
    assert not unread["is_failure"]
    assert "Town77 paid" in told["response"]
    assert any(
        one.startswith("read ") and "--in-parts, to have all of it read" in one for one in told["notices"]
    )


def test_a_dry_run_tells_the_plan(report: Path) -> None:
    plan = ask("-f", report, "--dry-run", "summarise")
    lines = plan.out.splitlines()
    assert ask("-f", report, "--dry-run", "--each", "line", "x").out.startswith(
        "part 1/120: report.txt, line 1 ·"
    )
    assert lines[0].startswith(f"part 1/{len(lines)}: report.txt, lines 1-")
    assert "map-reduce: " in plan.err
    assert "nothing was generated" in plan.err
    told = json.loads(ask("-f", report, "--dry-run", "--json", "--each", "paragraphs", "x").out)
    assert (told["strategy"], told["unit"], len(told["parts"]), told["calls"]) == (
        "map",
        "paragraph",
        120,
        120,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--each", "linez", "x"], 2, ["'linez'", "'line'"]),
        (["--each", "line", "x"], 2, ["--each", "there is none", "-f"]),
        (["-f", "REPORT", "--each", "line", "-n", "2", "--temperature", "1", "x"], 2, ["leave out -n"]),
        (["-f", "REPORT", "--ctx", "70", "x"], 3, ["only 70 fit", "--ctx"]),
    ],
)
def test_what_cannot_be_read_in_parts_is_refused(
    report: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    ended = ask(*(str(report) if one == "REPORT" else one for one in arguments))
    assert (ended.code, ended.out) == (code, "")
    assert [word for word in words if word not in ended.err] == []


def num_kept(home: Path) -> int:
    path = home / "data" / "chatterm.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM partial_result WHERE position >= 0").fetchone()[0])
        except sqlite3.OperationalError:  # it is being made
            return 0


def test_stopped_it_says_what_is_kept_and_goes_on_from_there(home: Path, report: Path) -> None:
    arguments = ("ask", "--ctx", "400", "--max-tokens", "60", "-f", str(report), "summarise")
    with start_chatterm(*arguments, "-m", "echo:100") as process:
        while not num_kept(home):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == b""
    assert b"are kept; the same command goes on from there" in err
    ended = run_chatterm(*arguments, "-m", "echo")
    assert ended.code == 0
    assert "parts are there from an earlier run" in ended.err


def test_a_reader_that_goes_away_ends_it_quietly(report: Path) -> None:
    command = [
        *COMMAND,
        "ask",
        "-m",
        "echo:2000",
        "--ctx",
        "400",
        "--max-tokens",
        "60",
        "-f",
        str(report),
        "--each",
        "line",
    ]
    with subprocess.Popen(
        [*command, "say it"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 141
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_default_model_reads_60_kilobytes(default_model: Path, tmp_path: Path) -> None:
    """All of it is read, and every sentence of the answer is one of the text."""
    pages = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
    text = "\n\n".join(page.read_text(encoding="utf-8") for page in pages)[:60_000]
    path = tmp_path / "docs.md"
    path.write_text(text, encoding="utf-8")
    ended = run_chatterm(
        *("ask", "-m", default_model, "-f", path, "--json", "--partials", "summarise"), timeout_s=800
    )
    assert ended.code == 0
    told = json.loads(ended.out)
    lines = {line for one in told["partials"] for line in range(one["lines"][0], one["lines"][1] + 1)}
    assert {number for number, line in enumerate(text.split("\n"), 1) if line.strip()} <= lines
    assert told["strategy"] == "map-reduce"
    assert told["not_read"] == []
    flat = " ".join(text.split())
    sentences = [line.partition(". ")[2] for line in told["response"].splitlines()]
    assert sentences
    assert [one for one in sentences if one not in flat] == []
