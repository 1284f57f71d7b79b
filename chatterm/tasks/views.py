"""How people see a structured answer: rows and columns, for a terminal and for the app alike. Pure.

The texts are the model's own: whoever shows them sanitises them first and never takes them for markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chatterm.prompts.output import OutputSpec
from chatterm.prompts.schema import fields_of
from chatterm.tasks.computed import Value
from chatterm.tasks.reading.label_rows import LABEL_ROWS
from chatterm.tasks.structured import StructuredAnswer, read_answer

NOTHING = "–"
"""Stands for null and for a field that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A table, or a list: a block of `column: text` lines for each row."""

    kind: Literal["table", "list"]
    columns: tuple[str, ...]
    """Names of the fields; '' for items that have none."""
    rows: tuple[tuple[str, ...], ...]
    """As many texts as there are columns. Row N of a list is item `[N]` of the answer."""
    computed: frozenset[str] = frozenset()
    """Columns that code computed, not the model."""
    totals: Mapping[str, str]
    """What was computed over all rows."""
    is_truncated: bool = False
    notices: tuple[str, ...] = ()


def view_of(reply: str, output: OutputSpec) -> View | None:
    """Return how a reply with a schema is shown; None where it is shown as the text it is.

    A reply of a prompt for labels is a table where it is one of many texts (`LABEL_ROWS`).
    """
    output = LABEL_ROWS if output.format == "label" else output
    answer = read_answer(reply, output)
    return None if answer is None else view_answer(answer, output)


def view_answer(answer: StructuredAnswer, output: OutputSpec) -> View | None:
    """Return how an answer is shown; None where the prompt wants its text shown."""
    if output.view == "text":
        return None
    items = answer.value if isinstance(answer.value, list) else [answer.value]
    columns = _columns(items, output)
    return View(
        kind=output.view,
        columns=columns,
        rows=tuple(_row(item, columns) for item in items),
        computed=frozenset(output.computed) & frozenset(columns),
        totals={name: shown(value) for name, value in answer.totals.items()},
        is_truncated=answer.is_truncated,
        notices=answer.notices,
    )


def _columns(items: Sequence[object], output: OutputSpec) -> tuple[str, ...]:
    """Return the fields in the order of the schema, then those that are computed; without items, all."""
    present = dict.fromkeys(key for item in items if isinstance(item, dict) for key in item)
    known = [name for name, _ in fields_of(output.schema or {})]
    named = dict.fromkeys([*known, *output.computed, *present])
    if not items:
        return tuple(known)
    return tuple(name for name in named if name in present) or ("",)


def _row(item: object, columns: Sequence[str]) -> tuple[str, ...]:
    if isinstance(item, dict):
        return tuple(shown(item.get(name)) for name in columns)
    return (shown(item), *("" for _ in columns[1:]))


def shown(value: object | Value) -> str:
    """Return a value in words: lists by commas or, where they hold objects, by lines."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case list():
            has_objects = any(isinstance(item, dict) for item in value)
            return ("\n" if has_objects else ", ").join(map(shown, value)) or NOTHING
        case dict():
            return ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) or NOTHING
        case _:
            return str(value)
