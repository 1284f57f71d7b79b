"""Escape characters in a paste are text, wherever the terminal's input is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import Key, Paste
from textual.message import Message

from chatterm.tui.paste_guard import PasteGuard, _GuardedParser

START, END = "\x1b[200~", "\x1b[201~"


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        ("typed \x1b[A", "typed \x1b[A"),
        (f"a{START}b\x1b]0;x\x07c{END}\x1b[B", f"a{START}b␛]0;x\x07c{END}\x1b[B"),
        (f"{START}\x1b\x1b[20{END}", f"{START}␛␛[20{END}"),
        (f"{START}{START}{END}\x1b", f"{START}␛[200~{END}\x1b"),
    ],
)
def test_only_what_is_pasted_changes(sent: str, passed: str) -> None:
    assert PasteGuard().passed(sent) == passed
    guard = PasteGuard()
    assert "".join(map(guard.passed, sent)) == passed


@given(
    st.lists(st.sampled_from([START, END, "\x1b", "[20", "1~", "a", "\r"]), max_size=12), st.integers(1, 7)
)
def test_cut_anywhere_it_passes_the_same(parts: list[str], size: int) -> None:
    sent = "".join(parts)
    whole, pieces = PasteGuard(), PasteGuard()
    cut = "".join(pieces.passed(sent[at : at + size]) for at in range(0, len(sent), size))
    assert cut + pieces.passed(END) == whole.passed(sent) + whole.passed(END)


def test_a_paste_with_escapes_presses_no_key() -> None:
    parser = _GuardedParser()
    told: list[Message] = []
    for piece in (f"{START}one \x1b]0;x\x07\rtwo\r", "\x1b", "[201~", "y"):
        told += parser.feed(piece)
    pastes = [event.text for event in told if isinstance(event, Paste)]
    assert [event.key for event in told if isinstance(event, Key)] == ["y"]
    assert pastes == ["one ␛]0;x\x07\rtwo\r"]
