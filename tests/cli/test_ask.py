"""`chatterm ask` as a shell sees it: streams, exit codes, signals, encodings. The engine is the echo."""

import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.store import ConversationStore
from chatterm.store.driver import sqlite3
from tests.support.chatterm_process import COMMAND, Ended, run_chatterm, start_chatterm


def ask(*arguments: str, stdin: bytes = b"", **environ: str) -> Ended:
    return run_chatterm("ask", "-m", "echo", *arguments, stdin=stdin, environ=environ)


def database(home: Path) -> Path:
    return home / "data" / "chatterm.db"


def stored(home: Path) -> list[tuple[str, str, str]]:
    """Role, content and status along the active path of the last conversation."""
    with closing(ConversationStore.open(database(home))) as store:
        last = store.last_conversation()
        path = store.path(last) if last else ()
        return [(node.message.role, node.message.content, node.status) for node in path]


def test_stdout_has_the_answer_and_one_newline_and_stderr_nothing(home: Path) -> None:
    assert ask("what", "is", "this?") == Ended(0, "what is this?\n", "")
    assert [entry[1:] for entry in stored(home)[1:]] == [("what is this?", "complete")] * 2


def test_the_document_stands_first_and_the_question_last(home: Path) -> None:
    ended = ask("and?", stdin=b"first line\r\nsecond line\n")
    assert ended.code == 0
    assert ended.out.index("first line\nsecond line") < ended.out.index("and?")
    assert "```" in ended.out


def test_files_come_after_stdin_each_by_its_name(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(f"text of {name}", encoding="utf-8")
    ended = ask("-f", str(tmp_path / "one.txt"), "-f", str(tmp_path / "two.txt"), "?", stdin=b"piped")
    assert ended.code == 0
    assert ended.out.index("piped") < ended.out.index("text of one.txt") < ended.out.index("text of two.txt")


def test_a_document_without_a_question_is_summarised() -> None:
    ended = ask("--dry-run", stdin=b"A long text.")
    assert ended.code == 0
    assert "You summarize texts." in ended.out
    assert ended.out.index("A long text.") < ended.out.index("text above")


def test_an_empty_stdin_is_no_document() -> None:
    assert ask("just this", stdin=b" \n").out == "just this\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        ([], b"", 2, ["nothing to answer", "chatterm ask"]),
        (["  "], b"\n", 2, ["nothing to answer"]),
        (["-p", "general/sumarize"], b"x", 2, ["'general/sumarize'", "'general/summarize'"]),
        (["-m", "smolm2", "x"], b"", 2, ["'smolm2'", "'smollm2'"]),
        (["-m", "./no.gguf", "x"], b"", 4, ["no.gguf", "models list"]),
        (["--temprature", "1", "x"], b"", 2, ["--temprature", "--temperature"]),
        (["-o", "tempreture=1", "x"], b"", 2, ["'tempreture'", "'temperature'"]),
        (["-o", "repeat_penaltie=1", "x"], b"", 2, ["'repeat_penaltie'", "'repeat_penalty'"]),
        (["-o", "repeat_penalty=9", "x"], b"", 2, ["repeat_penalty must be from 0.5 to 2, found 9"]),
        (["-o", "loop_detection=maybe", "x"], b"", 2, ["loop_detection must be true or false", "'maybe'"]),
        (["--logprobs", "x"], b"", 2, ["--logprobs", "add --json"]),
        (["--logprobs", "101", "--json", "x"], b"", 2, ["alternatives must be from 0 to 100", "101"]),
        (["--temperature", "9", "x"], b"", 2, ["temperature must be from 0 to 2, found 9"]),
        (["--temperature", "nan", "x"], b"", 2, ["temperature must be from 0 to 2"]),
        (["--max-tokens", "0", "x"], b"", 2, ["max_tokens must be from 1"]),
        (["--stop", "", "x"], b"", 2, ["stop string"]),
        (["-p", "general/summarize", "-v", "lenght=short"], b"x", 2, ["'lenght'", "'length'"]),
        (["-p", "general/summarize", "-v", "length=tiny"], b"x", 2, ["length", "tiny"]),
        (["-p", "general/summarize"], b"", 2, ["'document'", "-f FILE"]),
        (["-f", os.devnull], b"", 8, ["null has no text", "general/summarize"]),
        (["-v", "length", "x"], b"", 2, ["-v expects key=value"]),
        (["--lang", "fr", "x"], b"", 2, ["'fr'"]),
        (["-c", "x"], b"", 2, ["no conversation to continue"]),
        (["--cid", "abcd", "x"], b"", 2, ["abcd", "history list"]),
        (["--cid", "ab", "x"], b"", 2, ["too short"]),
        (["-c", "--private", "x"], b"", 2, ["--private"]),
        (["-f", "/no/such/file", "x"], b"", 2, ["/no/such/file"]),
        (["x"], b"\x00\x01\x02binary" * 10, 8, ["stdin is not text", "offset 0"]),
        (["x"], b"\x89PNG\r\n\x1a\n" + bytes(range(256)), 8, ["stdin"]),
        (["--ctx", "64", "word " * 200], b"", 3, ["tokens", "fit"]),
    ],
)
def test_bad_input_says_what_is_wrong_and_keeps_nothing(
    arguments: list[str], stdin: bytes, code: int, words: list[str], home: Path
) -> None:
    ended = ask(*arguments, stdin=stdin)
    assert (ended.code, ended.out) == (code, ""), ended
    assert all(word in ended.err for word in words), ended.err
    assert "Traceback" not in ended.err
    assert ended.err.startswith("chatterm: ")
    assert not database(home).exists() or not stored(home)


def test_a_wrong_key_in_the_configuration_is_named(home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("temprature = 1\n", encoding="utf-8")
    ended = ask("x")
    assert ended.code == 2
    assert "'temprature'" in ended.err
    assert "'temperature'" in ended.err
    assert "config.toml" in ended.err


def test_invalid_utf8_is_read_with_a_notice() -> None:
    ended = ask("?", stdin=b"mostly good text here, caf\xff and more of it, long enough to count\n" * 3)
    assert ended.code == 0
    assert "cafÿ and more" in ended.out
    assert "stdin is not UTF-8; it was read as CP1252" in ended.err


def test_fifty_megabytes_are_refused_with_the_cap(tmp_path: Path) -> None:
    ended = ask("?", stdin=b"x" * (50 << 20))
    assert (ended.code, ended.out) == (8, "")
    assert "16,777,216" in ended.err


def test_an_endless_stdin_is_refused_in_bounded_memory() -> None:
    command = " ".join(COMMAND)
    script = f"yes endless | {command} ask -m echo what"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 8
    assert "stdin" in done.stderr
    peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak_kb <= max(before, 200_000)


def test_control_characters_of_a_document_never_reach_a_stream(home: Path) -> None:
    evil = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\u202efdp.exe"
    ended = ask("?", stdin=evil.encode())
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(ended.out + ended.err)
    assert "]52;c;ZXZpbA==" in ended.out
    assert evil in stored(home)[1][1]


def test_json_has_llms_fields() -> None:
    ended = ask("--json", "--seed", "5", "hello \x1b[1m", stdin=b"")
    answer = json.loads(ended.out)
    assert "\x1b" not in ended.out
    assert answer["response"] == answer["prompt"] == "hello \x1b[1m"
    assert answer["options"]["seed"] == 5
    assert answer["model"] == "echo"
    expected = {
        "id",
        "conversation_id",
        "system",
        "input_tokens",
        "output_tokens",
        "duration_ms",
        "datetime_utc",
    }
    assert expected <= answer.keys()


def test_a_dry_run_shows_the_messages_and_keeps_nothing(home: Path) -> None:
    ended = ask("--dry-run", "-s", "Be a pirate.", "hello")
    assert ended.out == "--- system\nBe a pirate.\n--- user\nhello\n"
    assert "tokens" in ended.err
    assert not database(home).exists()


def test_a_system_message_follows_a_chosen_prompts_own() -> None:
    ended = ask("--dry-run", "-p", "general/summarize", "-s", "In verse.", stdin=b"text")
    system = ended.out.split("--- user")[0]
    assert system.index("Use only what the text says.") < system.index("In verse.")


def test_conversations_continue_by_c_and_by_the_start_of_an_id(home: Path) -> None:
    first = json.loads(ask("--json", "-s", "Be brief.", "one").out)
    ask("-c", "two")
    ask("--cid", first["conversation_id"][:5], "three")
    contents = [content for role, content, _ in stored(home) if role != "assistant"]
    assert contents == ["Be brief.", "one", "two", "three"]


def test_a_new_system_message_takes_over(home: Path) -> None:
    ask("-s", "old", "one")
    ended = ask("-c", "-s", "new", "--dry-run", "two")
    assert ended.out.startswith("--- system\nnew\n")
    assert "old" not in ended.out


def test_private_leaves_no_trace(home: Path) -> None:
    assert ask("--private", "xylophone").out == "xylophone\n"
    found = [path for path in home.rglob("*") if path.is_file()] if home.exists() else []
    assert all(b"xylophone" not in path.read_bytes() for path in found)
    assert not database(home).exists()


def test_quiet_leaves_errors_only() -> None:
    stdin = b"\xffmostly good text here and more of it, long enough not to be binary\n" * 3
    assert ask("-q", "?", stdin=stdin).err == ""
    assert ask("-q", "-p", "nope", "x").err != ""


def test_usage_tells_tokens_and_times() -> None:
    assert "reply 2 tokens" in ask("-u", "one two").err


def test_the_token_limit_is_told_below_the_answer() -> None:
    command = [*COMMAND, "ask", "-m", "echo", "--max-tokens", "2", "one two three"]
    shown = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
    ).stdout.decode()
    assert shown == "one two \nchatterm: cut at 2 tokens; --max-tokens allows more\n"


def test_what_the_engine_cannot_tell_is_refused_by_name() -> None:
    ended = ask("--logprobs", "3", "--json", "x")
    assert (ended.code, ended.out) == (2, "")
    assert "echo engine" in ended.err
    assert "probabilities" in ended.err


def test_stop_strings_end_the_answer() -> None:
    assert ask("--stop", "three", "-o", "stop=two", "one two three").out == "one \n"


def test_words_like_options_follow_two_dashes() -> None:
    assert ask("--", "--temperature", "-x").out == "--temperature -x\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_stops_the_reply_and_keeps_it(number: signal.Signals, code: int, home: Path) -> None:
    process = start_chatterm("ask", "-m", "echo:20", "word " * 400)
    assert process.stdout is not None
    said = process.stdout.read(15)
    process.send_signal(number)
    rest, error = process.communicate(timeout=10)
    assert process.returncode == code
    assert error == b""
    role, content, status = stored(home)[-1]
    assert (role, status) == ("assistant", "stopped")
    assert content.strip() == (said + rest).decode().strip()
    assert content.startswith("word word word")


def test_a_second_interrupt_ends_at_once(home: Path) -> None:
    """The engine waits 100 s for its next token, so the first interrupt is answered by it at once.

    Two interrupts in a row must end the process whatever it is doing.
    """
    process = start_chatterm("ask", "-m", "echo:20", "word " * 400)
    assert process.stdout is not None
    process.stdout.read(5)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130


def test_an_ignored_hangup_stays_ignored(home: Path) -> None:
    words = "one two three four five six seven eight"
    script = f"trap '' HUP; exec {' '.join(COMMAND)} ask -m echo:40 {words}"
    process = subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(3)
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert out.decode().strip().endswith("eight")


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    command = " ".join(COMMAND)
    question = f"one\ntwo {'word ' * 300}"
    script = f"{command} ask -m echo:200 '{question}' | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("one\n", "", 141)
    assert stored(home)[-1][2] == "stopped"


@pytest.mark.parametrize("form", ["-x", "--render"])
def test_a_reader_that_is_gone_is_no_error_in_any_form(form: str) -> None:
    script = f"{' '.join(COMMAND)} ask -m echo -q {form} hello | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_closed_stdout_keeps_the_answer(home: Path) -> None:
    script = f"{' '.join(COMMAND)} ask -m echo hello >&-"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(home)[-1][1:] == ("hello", "complete")


def test_a_full_output_device_is_an_error_of_one_line() -> None:
    script = f"{' '.join(COMMAND)} ask -m echo hello > /dev/full"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def make_newer(path: Path) -> None:
    ConversationStore.open(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 999")


DATABASES: dict[str, Callable[[Path], object]] = {
    "not a database": lambda path: path.write_bytes(b"this is no database, but it is long enough" * 50),
    "a directory": lambda path: path.mkdir(),
    "newer than the program": make_newer,
}


@pytest.mark.parametrize("kind", DATABASES)
def test_a_database_that_cannot_be_used_is_left_alone(kind: str, home: Path) -> None:
    path = database(home)
    path.parent.mkdir(parents=True)
    DATABASES[kind](path)
    before = path.read_bytes() if path.is_file() else None
    ended = ask("hello")
    assert (ended.code, ended.out) == (7, ""), ended
    assert "chatterm.db" in ended.err
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_full_disk_shows_the_answer_says_so_and_exits_7(home: Path) -> None:
    """A limit on file sizes stands for the full disk: writes beyond it fail in the same place."""
    assert ask("earlier").code == 0
    blocks = database(home).stat().st_size // 512 + 16
    question = "a question " * 3000
    script = f"trap '' XFSZ; ulimit -f {blocks}; exec {' '.join(COMMAND)} ask -m echo '{question}'"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 7
    assert done.stdout.startswith("a question a question")
    assert "not saved" in done.stderr
    with closing(ConversationStore.open(database(home))) as store:
        kept = [one for one in store.conversations() if one.title == "earlier"]
        assert [node.message.content for node in store.path(kept[0].id)][1:] == ["earlier"] * 2


def test_the_database_is_the_users_alone(home: Path) -> None:
    os.umask(0o000)
    try:
        ask("x")
    finally:
        os.umask(0o022)
    assert oct(database(home).stat().st_mode & 0o777) == "0o600"
    assert oct(database(home).parent.stat().st_mode & 0o777) == "0o700"


PREFILLED = """---
chatterm: 1
version: 1
title: {en: Sales}
inputs: {document: {from: [stdin]}}
languages: [en]
---
@@ user
{{ document }}
@@ prefill
Sales grew by 43 %.
"""


def test_what_is_not_in_the_document_is_marked_and_fails_strictly(tmp_path: Path) -> None:
    sales = b"Sales grew by 42 % in the year.\n"
    assert ask("--strict", "by 17 %?", stdin=sales).code == 0  # the echo says what it was given
    prompt = str(_prefilled(tmp_path, "Sales grew by 43 %."))
    claimed = ask("-p", prompt, "--strict", stdin=sales)
    assert claimed.code == 6
    assert claimed.out.startswith("Sales grew by 43 %.")
    assert "number 43 % is not in the document" in claimed.err
    assert "--strict" in claimed.err
    lenient = ask("-p", prompt, "--json", stdin=sales)
    assert lenient.code == 0
    shown = json.loads(lenient.out)
    assert [one["text"] for one in shown["verification"]["unverified"]] == ["43 %"]
    assert any("43 %" in notice for notice in shown["notices"])


def test_a_document_stays_the_source_and_its_footer_is_told_once(tmp_path: Path) -> None:
    first = ask("-p", "medical/plain-summary", stdin=b"Discharged on 3 May with 40 mg.\n")
    assert first.err.count("Not a diagnosis") == 1
    asked = ask("-c", "-p", str(_prefilled(tmp_path, "It was 40 mg, not 45 mg.")), stdin=b"More.")
    assert "number 45 mg is not in the document" in asked.err
    assert "40 mg" not in asked.err
    again = ask("-c", "-p", "medical/plain-summary", stdin=b"Nothing else.\n")
    assert "Not a diagnosis" not in again.err


def _prefilled(folder: Path, reply: str) -> Path:
    path = folder / "own.md"
    path.write_text(PREFILLED.replace("Sales grew by 43 %.", reply), encoding="utf-8")
    return path
