"""Takes back a flag that was computed from what the source lacks: `normal` would reassure for nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chatterm.prompts.output import Computation
from chatterm.tasks.checking import FieldMark
from chatterm.tasks.computed import UNKNOWN
from chatterm.tasks.json_leaves import Path
from chatterm.tasks.structured import StructuredAnswer


def without_doubtful(
    answer: StructuredAnswer, fields: Sequence[FieldMark], computed: Mapping[str, Computation]
) -> StructuredAnswer:
    """Return the answer with `unknown` for each comparison that is not verified; the rest is as it was."""
    flags = {name for name, one in computed.items() if one.function == "compare"}
    value = answer.value
    for mark in fields:
        if not mark.is_verified and mark.path and mark.path[-1] in flags:
            value = _with_unknown(value, mark.path)
    return replace(answer, value=value)


def _with_unknown(value: object, path: Path) -> object:
    """Return `value` with another text at `path`, where it has that; `value` itself stays as it is."""
    if not path:
        return UNKNOWN
    step = path[0]
    if isinstance(value, dict) and step in value:
        return {**value, step: _with_unknown(value[step], path[1:])}
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return [*value[:step], _with_unknown(value[step], path[1:]), *value[step + 1 :]]
    return value
