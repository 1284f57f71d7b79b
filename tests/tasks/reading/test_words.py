"""How reading in parts is told to people."""

import pytest

from chatterm.tasks.reading.events import NotRead, PartsProgress, ReadingStopped, Step
from chatterm.tasks.reading.words import duration_text, progress_text, stopped_text, unread_text


@pytest.mark.parametrize(
    ("step", "done", "rate", "left", "text"),
    [
        ("map", 6, 42.4, 120.0, "part 7 of 31 · 42 tokens/s · 2 min left"),
        ("map", 0, None, None, "part 1 of 31"),
        ("map", 31, 1234.0, 0.0, "part 31 of 31 · 1,234 tokens/s"),
        ("reduce", 1, None, None, "combining 2 of 31"),
    ],
)
def test_progress_is_one_line(
    step: Step, done: int, rate: float | None, left: float | None, text: str
) -> None:
    assert (
        progress_text(PartsProgress(step=step, done=done, total=31, tokens_per_s=rate, seconds_left=left))
        == text
    )


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (99, "99 s"), (120, "2 min"), (5400, "1.5 h")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("places", "text"),
    [
        (("a.txt, lines 1-400", "a.txt, lines 439-4,210"), "a.txt, lines 1-400, 439-4,210"),
        (("a.txt, lines 1-4", "b.txt, line 7"), "a.txt, lines 1-4; b.txt, line 7"),
        (("报告.txt，第1-400行", "报告.txt，第439行"), "报告.txt，第1-400、439行"),
        (("a.pdf, page 3, lines 5-7",), "a.pdf, page 3, lines 5-7"),
        (
            ("a.pdf, page 1, line 2", "a.pdf, page 3, line 4 to page 5, line 1", "b.pdf, page 1, line 1"),
            "a.pdf, page 1, line 2; page 3, line 4 to page 5, line 1; b.pdf, page 1, line 1",
        ),
        (
            tuple(f"a.txt, line {one}" for one in range(1, 12)),
            "a.txt, lines 1, 2, 3, 4, 5; and 6 more",
        ),
    ],
)
def test_what_was_not_read_is_said_document_by_document(places: tuple[str, ...], text: str) -> None:
    unread = NotRead(places=places, num_lines=4172, total_lines=4210, is_failure=False)
    assert unread_text(unread).startswith(f"read 38 of 4,210 lines; not read: {text}; ask for")


def test_nothing_is_promised_of_a_private_reading() -> None:
    assert "the same command goes on" in stopped_text(ReadingStopped(12, 31), is_private=False)
    assert "nothing of them is kept" in stopped_text(ReadingStopped(12, 31), is_private=True)
