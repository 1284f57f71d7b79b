"""A section's text as a tree of its own, and the small interpreter that fills it in.

Text goes in once and comes out joined: a value is never scanned again, whatever it looks like. Work and
output are bounded, so that no file from elsewhere can stall or flood. Does not know jinja2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from chatterm.errors import PromptError
from chatterm.prompts.inputs import Value

MAX_CHARS = 64 * 1024 * 1024
"""Of one filled-in section."""
MAX_STEPS = 200_000
"""Nodes evaluated for one section; a list of 10,000 items needs a few times that."""

FilterName = Literal["lower", "trim", "default", "join", "truncate_lines"]


@dataclass(frozen=True, slots=True)
class Literally:
    """A constant, in a condition or an insertion."""

    value: str | int | bool | Decimal


@dataclass(frozen=True, slots=True)
class Named:
    """An input, or the variable of a loop."""

    name: str


@dataclass(frozen=True, slots=True)
class Filtered:
    """A value through one filter."""

    value: "Expression"
    filter: FilterName
    argument: str | int | None


@dataclass(frozen=True, slots=True)
class Test:
    """`==` or `in`."""

    operator: Literal["==", "in"]
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    value: "Expression"


@dataclass(frozen=True, slots=True)
class Both:
    """`and` or `or`."""

    operator: Literal["and", "or"]
    left: "Expression"
    right: "Expression"


Expression = Literally | Named | Filtered | Test | Not | Both


@dataclass(frozen=True, slots=True)
class Words:
    """Text of the prompt's author."""

    text: str


@dataclass(frozen=True, slots=True)
class Insert:
    """`{{ ... }}`."""

    value: Expression


@dataclass(frozen=True, slots=True)
class Branches:
    """`{% if %}`: the first branch whose condition holds, else `otherwise`."""

    branches: tuple[tuple[Expression, "Block"], ...]
    otherwise: "Block"


@dataclass(frozen=True, slots=True)
class Each:
    """`{% for variable in items %}`."""

    variable: str
    items: Expression
    block: "Block"


Part = Words | Insert | Branches | Each
Block = tuple[Part, ...]


@dataclass(slots=True)
class _Budget:
    """What one filling may still cost, and what it had to leave out."""

    steps: int = MAX_STEPS
    chars: int = MAX_CHARS
    notices: list[str] = field(default_factory=list)

    def spend(self, num_chars: int = 0) -> None:
        """Count one step (an empty loop costs as well), and characters before they are joined."""
        self.steps -= 1
        self.chars -= num_chars
        if self.steps < 0 or self.chars < 0:
            raise PromptError(
                f"filled in, a section of this prompt needs more than {MAX_CHARS:,} characters or "
                f"{MAX_STEPS:,} steps; give it shorter values or fewer list items"
            )


def fill(block: Block, values: Mapping[str, Value]) -> tuple[str, tuple[str, ...]]:
    """Return the text with its values, and notices of what a filter left out.

    `values` has every name that the block uses. Raises PromptError where the result would be too long.
    """
    budget = _Budget()
    return "".join(_pieces(block, values, budget)), tuple(budget.notices)


def _pieces(block: Block, values: Mapping[str, Value], budget: _Budget) -> Iterator[str]:
    for part in block:
        match part:
            case Words(text):
                budget.spend(len(text))
                yield text
            case Insert(expression):
                text = as_text(_evaluate(expression, values, budget))
                budget.spend(len(text))
                yield text
            case Branches():
                yield from _pieces(_chosen(part, values, budget), values, budget)
            case Each(variable, items, inner):
                for item in _items(_evaluate(items, values, budget)):
                    budget.spend()
                    yield from _pieces(inner, {**values, variable: item}, budget)


def _chosen(part: Branches, values: Mapping[str, Value], budget: _Budget) -> Block:
    for condition, block in part.branches:
        if _evaluate(condition, values, budget):
            return block
    return part.otherwise


def _items(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _evaluate(expression: Expression, values: Mapping[str, Value], budget: _Budget) -> Value:
    budget.spend()
    match expression:
        case Literally(constant):
            return constant
        case Named(name):
            return values[name]
        case Filtered():
            return _filtered(expression, _evaluate(expression.value, values, budget), budget)
        case Not(inner):
            return not _evaluate(inner, values, budget)
        case Both(operator, left, right):
            first = _evaluate(left, values, budget)
            return first if bool(first) is (operator == "or") else _evaluate(right, values, budget)
        case Test(operator, left, right):
            return _holds(operator, _evaluate(left, values, budget), _evaluate(right, values, budget))


def _holds(operator: Literal["==", "in"], left: Value, right: Value) -> bool:
    if operator == "==":
        return left == right
    if isinstance(right, tuple):
        return left in right
    return left is not None and as_text(left) in as_text(right)


def _filtered(node: Filtered, value: Value, budget: _Budget) -> Value:
    match node.filter:
        case "default":
            return node.argument if value is None or value in ("", ()) else value
        case "join":
            return str(node.argument).join(_items(value)) if isinstance(value, tuple) else value
        case "lower":
            return as_text(value).lower()
        case "trim":
            return as_text(value).strip()
        case "truncate_lines":
            return _first_lines(as_text(value), int(node.argument or 0), budget)


def _first_lines(text: str, limit: int, budget: _Budget) -> str:
    lines = text.splitlines()
    if len(lines) <= limit:
        return text
    budget.notices.append(f"the prompt takes only the first {limit:,} of {len(lines):,} lines of a value")
    return "\n".join([*lines[:limit], "[...]"])


def as_text(value: Value) -> str:
    """Return a value as it stands in a message."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(value)
        case _:
            return str(value)


def names_in(block: Block) -> Iterator[str]:
    """Yield the names a block uses, loop variables included, some of them more than once."""
    for part in block:
        match part:
            case Insert(value):
                yield from _names(value)
            case Branches(branches, otherwise):
                for condition, inner in branches:
                    yield from _names(condition)
                    yield from names_in(inner)
                yield from names_in(otherwise)
            case Each(_, items, inner):
                yield from _names(items)
                yield from names_in(inner)
            case Words():
                pass


def _names(expression: Expression) -> Iterator[str]:
    match expression:
        case Named(name):
            yield name
        case Filtered(value) | Not(value):
            yield from _names(value)
        case Test(_, left, right) | Both(_, left, right):
            yield from _names(left)
            yield from _names(right)
        case Literally():
            pass
