"""Answers that have a form, on a terminal: tables and lists of JSON, labels with their probabilities.

rich is imported only for tables: it takes its time.
"""

from collections.abc import Collection

from chatterm.sanitize import num_cells, sanitize, sanitize_line
from chatterm.session import Scored
from chatterm.tasks.views import View

_MAX_SHOWN = 20
_UNVERIFIED = " ⚠"

Place = tuple[int, str]
"""Row and column of a view."""


def scored_text(scored: Scored) -> str:
    """Return the label, and below it how probable each is, the most probable first."""
    order = sorted(scored.scores, key=lambda one: -one.probability)[:_MAX_SHOWN]
    labels = [sanitize_line(one.label) for one in order]
    width = max(map(num_cells, labels))
    lines = [
        f"  {label}{' ' * (width - num_cells(label))}  {one.probability:.2f}"
        for label, one in zip(labels, order, strict=True)
    ]
    if more := len(scored.scores) - len(order):
        lines.append(f"  and {more:,} more")
    return "\n".join([scored.text, *lines])


def scored_notices(scored: Scored) -> list[str]:
    """Return what the user should know of a choice."""
    notices = []
    if scored.is_unsure:
        notices.append(f"unsure: {scored.chosen[0]!r} leads by {scored.margin:.2f} only")
    if not scored.is_calibrated:
        notices.append("the probabilities are not calibrated")
    return notices


def list_text(view: View, unverified: Collection[Place] = ()) -> str:
    """Return a line for each field, and an empty line between rows."""
    blocks = [
        "\n".join(
            f"{sanitize_line(name)}: {_cell(text, (row, name), unverified)}" if name else sanitize(text)
            for name, text in zip(view.columns, texts, strict=True)
        )
        for row, texts in enumerate(view.rows)
    ]
    return "\n\n".join([*blocks, *_totals(view)]) or "(nothing)"


def print_table(view: View, unverified: Collection[Place] = ()) -> None:
    """Print the rows under their columns, and what was computed over all of them below."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from chatterm.cli.rendered import AnswerConsole

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in view.columns:
        table.add_column(Text(sanitize_line(name)), overflow="fold")
    for row, texts in enumerate(view.rows):
        cells = zip(view.columns, texts, strict=True)
        table.add_row(*(Text(_cell(text, (row, name), unverified)) for name, text in cells))
    console = AnswerConsole(highlight=False)
    console.print(table)
    for line in _totals(view):
        console.print(Text(line))


def _cell(text: str, place: Place, unverified: Collection[Place]) -> str:
    return sanitize(text) + (_UNVERIFIED if place in unverified else "")


def _totals(view: View) -> list[str]:
    return [f"{sanitize_line(name)}: {sanitize_line(text)}" for name, text in view.totals.items()]
