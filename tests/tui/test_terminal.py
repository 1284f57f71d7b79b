import subprocess
import sys

import pytest

from chatterm.tui.terminal import MIN_COLUMNS, MIN_ROWS, why_not


@pytest.mark.parametrize(
    ("term", "is_terminal", "size", "named"),
    [
        ("xterm-256color", False, (80, 24), "needs a terminal"),
        ("dumb", True, (80, 24), "TERM=dumb"),
        ("", True, (80, 24), "TERM=(unset)"),
        (None, True, (80, 24), "TERM=(unset)"),
        ("xterm", True, (MIN_COLUMNS - 1, 24), f"{MIN_COLUMNS - 1} x 24"),
        ("xterm", True, (80, MIN_ROWS - 1), f"80 x {MIN_ROWS - 1}"),
    ],
)
def test_a_terminal_that_will_not_do_is_named_with_what_to_do_instead(
    term: str | None, is_terminal: bool, size: tuple[int, int], named: str
) -> None:
    reason = why_not(term=term, is_terminal=is_terminal, columns=size[0], rows=size[1])
    assert reason is not None
    assert named in reason
    assert "chatterm ask" in reason


def test_an_ordinary_terminal_will_do() -> None:
    assert why_not(term="xterm", is_terminal=True, columns=MIN_COLUMNS, rows=MIN_ROWS) is None


def test_asking_imports_no_textual() -> None:
    code = "import sys, chatterm.tui.terminal; sys.exit('textual' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
