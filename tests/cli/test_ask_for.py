"""An input that a prompt needs is asked for on a terminal, and named by its flag where there is none."""

import os
import pty
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.chatterm_process import COMMAND, run_chatterm

PROMPT = """\
---
chatterm: 1
version: 1
title: Letter
languages: [en]
inputs:
  copies: {type: int, label: {en: Copies}}
  tone:   {type: enum, values: [warm, plain], label: {en: Tone of voice}}
---
@@ user
{{ copies }} letters, {{ tone }}.
"""


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.md"
    path.write_text(PROMPT, encoding="utf-8")
    return path


def on_a_terminal(letter: Path, typed: bytes) -> tuple[int, str, str]:
    """Run with a terminal for stdin and stderr; return exit code, stdout, and what the terminal showed."""
    master, terminal = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(master, 4096):
                shown.append(data)
        except OSError:  # how Linux tells that the other end is closed
            return

    reader = threading.Thread(target=read)
    try:
        process = subprocess.Popen(
            [*COMMAND, "ask", "-m", "echo", "--private", "-p", str(letter)],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        os.write(master, typed)
        reader.start()
        out, _ = process.communicate(timeout=60)
        reader.join(timeout=10)
    finally:
        os.close(master)
    return process.returncode, out.decode(), b"".join(shown).decode()


def test_what_is_missing_is_asked_for_until_it_is_of_its_type(letter: Path) -> None:
    code, out, shown = on_a_terminal(letter, b"many\n3\ncold\nwarm\n")
    assert (code, out) == (0, "3 letters, warm.\n")
    assert "Copies [a whole number]" in shown
    assert "must be a whole number, not 'many'" in shown
    assert "Tone of voice (tone) [warm, plain]" in shown
    assert "must be one of warm, plain, not 'cold'" in shown


def test_the_end_of_the_input_ends_the_question(letter: Path) -> None:
    code, out, _ = on_a_terminal(letter, b"\x04")
    assert (code, out) == (130, "")


def test_without_a_terminal_the_flag_is_named(letter: Path) -> None:
    ended = run_chatterm("ask", "-m", "echo", "-p", letter)
    assert (ended.code, ended.out) == (2, "")
    assert "needs 'copies', which is missing; add -v copies=..." in ended.err
    ended = run_chatterm("ask", "-m", "echo", "-p", letter, "-v", "copies=2")
    assert "add -v tone=warm|plain" in ended.err


def test_labels_are_shown_and_never_obeyed_by_the_terminal(letter: Path) -> None:
    letter.write_text(PROMPT.replace("{en: Copies}", '{en: "a\\u001b[31mb"}'), encoding="utf-8")
    _, _, shown = on_a_terminal(letter, b"1\nwarm\n")
    assert "a\u241b[31mb (copies)" in shown
    assert "\x1b[31m" not in shown
