"""Foreign text on one line of a widget: sanitised, and cut with a mark where it is too long."""

from chatterm.sanitize import sanitize_line

MAX_CHARS = 300
"""Of a title, a tag or a path in a list."""


def one_line(text: str, max_chars: int = MAX_CHARS) -> str:
    """Return `text` on one line. A text of megabytes costs no more than a short one."""
    return sanitize_line(text if len(text) <= max_chars else f"{text[:max_chars]}…")


def title_line(title: str, max_chars: int = MAX_CHARS) -> str:
    """Return what stands for a conversation in a list."""
    return one_line(title, max_chars).strip() or "(untitled)"
