"""Foreign text on one line of a widget: sanitised, and cut with a mark where it is too long."""

from rich.cells import cell_len, set_cell_size

from chatterm.sanitize import sanitize_line

MAX_CHARS = 300
"""Of a title, a tag or a path in a list."""


def one_line(text: str, max_chars: int = MAX_CHARS) -> str:
    """Return `text` on one line. A text of megabytes costs no more than a short one."""
    return sanitize_line(text if len(text) <= max_chars else f"{text[:max_chars]}…")


def fitted(line: str, cells: int) -> str:
    """Return a line, safe to show already, in exactly so many cells; cut with a mark where it is longer."""
    if len(line) <= cells and cell_len(line) <= cells:
        return set_cell_size(line, cells)
    return set_cell_size(f"{set_cell_size(line[:cells], max(cells - 1, 0))}…", cells)


def title_line(title: str, max_chars: int = MAX_CHARS) -> str:
    """Return what stands for a conversation in a list."""
    return one_line(title, max_chars).strip() or "(untitled)"
