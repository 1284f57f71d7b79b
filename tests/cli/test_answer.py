"""What reaches stdout: the answer, sanitised, ending in one newline; Markdown only where it is rendered."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from chatterm.cli.answer import PlainAnswer, WholeAnswer, print_safely, to_json
from chatterm.cli.rendered import RenderedAnswer, split_blocks
from chatterm.sanitize import sanitize


def plain(*pieces: str) -> str:
    stream = io.StringIO()
    writer = PlainAnswer(stream)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return stream.getvalue()


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["Hello", " there"], "Hello there\n"),
        (["one\n\n"], "one\n"),
        (["one\n", "\n", "two\n"], "one\n\ntwo\n"),
        ([], "\n"),
        (["\x1b[31mred"], "\u241b[31mred\n"),
        (["\x1b", "]0;title\x07"], "\u241b]0;title\u2407\n"),
        (["a\r", "\nb"], "a\nb\n"),
        (["\u202eevil"], "<U+202E>evil\n"),
    ],
)
def test_plain_answers(pieces: list[str], shown: str) -> None:
    assert plain(*pieces) == shown


@given(st.lists(st.text()))
def test_a_plain_answer_is_the_sanitised_text_and_one_newline(pieces: list[str]) -> None:
    assert plain(*pieces) == sanitize("".join(pieces)).rstrip("\n") + "\n"


def test_a_whole_answer_comes_at_its_end() -> None:
    stream = io.StringIO()
    writer = WholeAnswer(PlainAnswer(stream))
    writer.write("one ")
    writer.write("two")
    assert stream.getvalue() == ""
    writer.close()
    assert stream.getvalue() == "one two\n"


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("one", ""),
        ("one\n", ""),
        ("one\n\ntwo", "one\n\n"),
        ("one\n\ntwo\n\nthree", "one\n\ntwo\n\n"),
        ("```py\na\n\nb\n", ""),
        ("x\n\n```py\na\n\nb\n", "x\n\n"),
        ("```py\na\n\nb\n```\n\nafter", "```py\na\n\nb\n```\n\n"),
        ("````\n```\n\n````\n\nz", "````\n```\n\n````\n\n"),
        ("~~~\n```\n\n~~~\n\nz", "~~~\n```\n\n~~~\n\n"),
        ("```\ncode\n``` not a fence\n\n", ""),
    ],
)
def test_blocks_end_at_blank_lines_outside_fences(text: str, done: str) -> None:
    assert split_blocks(text) == (done, text.removeprefix(done))


def rendered(*pieces: str) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=40, height=10, color_system=None)
    writer = RenderedAnswer(console)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return stream.getvalue()


def test_a_rendered_answer_shows_markdown_once_and_ends_in_a_newline() -> None:
    text = rendered("# Title\n\n- one\n", "- two\n\nLast **bold** word")
    final = text[text.rindex("\x1b[2K") :]
    assert "Last bold word" in final
    assert "**" not in final
    assert text.endswith("\n")
    assert text.count(" \u2022 one") == 1


def test_a_rendered_answer_is_inert() -> None:
    text = rendered("\x1b]52;c;ZXZpbA==\x07[link](http://example.org) [b]bold[/b]\n\n")
    assert "\x1b]" not in text
    assert "[b]bold[/b]" in text
    assert "http://example.org" in text


def test_a_rendered_answer_leaves_the_cursor_though_it_never_ends() -> None:
    """A turn that fails before its first word closes no answer, and a killed process nothing at all."""
    stream = io.StringIO()
    writer = RenderedAnswer(Console(file=stream, force_terminal=True))
    assert stream.getvalue() == ""
    writer.write("half")
    assert stream.getvalue().endswith("half")
    assert stream.getvalue().rfind("\x1b[?25l") < stream.getvalue().rfind("\x1b[?25h")
    writer.close()


@given(st.text())
def test_json_keeps_every_text_and_holds_no_control_character(text: str) -> None:
    written = to_json({"response": text})
    assert json.loads(written)["response"] == text
    assert sanitize(written) == written


def test_json_keeps_other_scripts_readable() -> None:
    assert "光合作用" in to_json({"response": "光合作用"})


def test_listings_are_sanitised() -> None:
    stream = io.StringIO()
    print_safely(stream, "name \x9b31m\n\n")
    assert stream.getvalue() == "name \ufffd31m\n"
