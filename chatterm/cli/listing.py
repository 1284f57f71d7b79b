"""How listings reach stdout: columns for people, JSON for programs, both sanitised."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from chatterm.cli.answer import print_safely, to_json
from chatterm.sanitize import num_cells, sanitize_line

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of columns.")]


def show_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str]) -> None:
    """Print `rows`, of which people see `columns`. No rows: nothing (JSON: an empty list)."""
    if as_json:
        print_safely(sys.stdout, to_json(list(rows)))
        return
    cells = [[sanitize_line(_cell(row[column])) for column in columns] for row in rows]
    widths = [max((num_cells(row[i]) for row in cells), default=0) for i in range(len(columns))]
    for row in cells:
        padded = [cell + " " * (width - num_cells(cell)) for cell, width in zip(row, widths, strict=True)]
        print_safely(sys.stdout, "  ".join(padded).rstrip())


def show_fields(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing: a line a field, or a JSON object."""
    if as_json:
        print_safely(sys.stdout, to_json(fields))
    else:
        show_rows(
            [{"k": f"{key}:", "v": value} for key, value in fields.items()], as_json=False, columns=("k", "v")
        )


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list() | tuple():
            return ", ".join(map(str, value)) or "-"
        case _:
            return str(value)
