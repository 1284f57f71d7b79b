"""Parses a section's text with jinja2, and lets only the allowed constructs through.

jinja2 parses; it never renders: its sandbox would let `{{ 'a' * 50000000 }}` make 50 MB, and two CVEs
came through `|attr` and `str.format`. Every node is translated into a prompt_text node or refused by
its line. jinja2 gives no columns, so these are looked up in the line.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, get_args

from chatterm.prompts.inputs import InputSpec
from chatterm.prompts.problems import Place, Problem, did_you_mean
from chatterm.prompts.prompt_text import (
    Block,
    Both,
    Branches,
    Each,
    Expression,
    Filtered,
    FilterName,
    Insert,
    Literally,
    Named,
    Not,
    Part,
    Test,
    Words,
)
from chatterm.prompts.sections import Section

if TYPE_CHECKING:
    from jinja2 import nodes

FILTERS: tuple[FilterName, ...] = get_args(FilterName)
_MAX_LOOPS = 2
_MAX_DEPTH = 30
"""Of blocks and expressions together; filling in recurses as deep."""
_DOCUMENT_SECTIONS = ("user", "map", "reduce")
_ALLOWED = "allowed are {{ name }}, {{ name | filter }}, if/elif/else, for, ==, in, not, and, or"
_NAMES_OF_NODES = {
    "Getattr": "attribute access (a.b)",
    "Getitem": "a subscript (a[b])",
    "Call": "a call",
    "CondExpr": "an inline if",
    "Concat": "concatenation (~)",
    "Assign": "set",
    "AssignBlock": "set",
    "Include": "include",
    "Import": "import",
    "FromImport": "import",
    "Macro": "macro",
    "FilterBlock": "a filter block",
    "CallBlock": "a call block",
    "With": "with",
    "Block": "block",
    "Extends": "extends",
    "Test": "is",
    "List": "a list",
    "Tuple": "a tuple",
    "Dict": "a mapping",
}


def parse_section(
    section: Section, inputs: Mapping[str, InputSpec] | None
) -> tuple[Block | None, list[Problem]]:
    """Return the section's text as nodes, or None and what is wrong with it.

    `inputs` is None where the front matter is broken: names are not checked then.
    """
    if not re.search(r"\{[{%#]", section.text):
        return (Words(section.text),), []
    translator = _Translator(section, inputs)
    block = translator.run()
    return (None if translator.problems else block), translator.problems


class _Refused(Exception):
    """A construct that is not allowed; never leaves this module."""

    def __init__(self, code: str, message: str, line: int, word: str, advice: str) -> None:
        """`word` is looked up in `line` of the section for the column."""
        self.args_of_note = (code, message, line, word, advice)
        super().__init__(message)


class _Translator:
    """Walks jinja2's tree of one section; collects problems and goes on after each."""

    def __init__(self, section: Section, inputs: Mapping[str, InputSpec] | None) -> None:
        self.problems: list[Problem] = []
        self._section = section
        self._inputs = inputs
        self._lines = section.text.split("\n")
        self._variables: list[str] = []
        self._depth = 0

    def run(self) -> Block:
        import jinja2

        environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
        try:
            return self._block(environment.parse(self._section.text).body)
        except jinja2.TemplateSyntaxError as error:
            self._note("E22", f"not a template: {error.message}", error.lineno, "", _ALLOWED)
        except RecursionError:
            self._note("E15", "nested too deep", 1, "", "take the nesting apart")
        return ()

    def _note(self, code: str, message: str, line: int, word: str, advice: str) -> None:
        text = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        opening = re.search(r"\{[{%]", text)
        start = opening.start() if opening else 0
        found = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)").search(text, start) if word else None
        column, length = (found.start(), len(word)) if found else (start, 2 if opening else 1)
        place = Place(self._section.line + line - 1, column + 1, length)
        if self._section.source:
            place, message = self._section.head, f"{message}, in {self._section.source}"
        problem = Problem(code, message, place, advice)
        if problem not in self.problems:
            self.problems.append(problem)

    def _block(self, children: "Iterable[nodes.Node]") -> Block:
        parts: list[Part] = []
        for child in children:
            try:
                with self._deeper(child):
                    parts += self._parts(child)
            except _Refused as refused:
                self._note(*refused.args_of_note)
        return tuple(parts)

    @contextmanager
    def _deeper(self, node: "nodes.Node") -> Iterator[None]:
        if self._depth == _MAX_DEPTH:
            raise _Refused("E15", "nested too deep", node.lineno, "", "take the nesting apart")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _parts(self, node: "nodes.Node") -> Block:
        from jinja2 import nodes

        match node:
            case nodes.Output():
                return self._block(node.nodes)
            case nodes.TemplateData():
                return (Words(node.data),)
            case nodes.If():
                return (self._branches(node),)
            case nodes.For():
                return (self._loop(node),)
            case nodes.Expr():
                return (Insert(self._expression(node)),)
            case _:
                raise _refused(node)

    def _branches(self, node: "nodes.If") -> Branches:
        branches = tuple(
            (self._expression(branch.test), self._block(branch.body)) for branch in (node, *node.elif_)
        )
        return Branches(branches, self._block(node.else_))

    def _loop(self, node: "nodes.For") -> Each:
        from jinja2 import nodes

        if node.else_ or node.test or node.recursive or not isinstance(node.target, nodes.Name):
            advice = "write {% for x in name %}...{% endfor %}, name being an input of type list"
            raise _Refused("E23", "this form of for is not allowed", node.lineno, "for", advice)
        if len(self._variables) == _MAX_LOOPS:
            advice = f"at most {_MAX_LOOPS} loops stand in one another"
            raise _Refused("E15", "loops nested too deep", node.lineno, "for", advice)
        items = self._list(node.iter)
        self._variables.append(node.target.name)
        try:
            return Each(node.target.name, items, self._block(node.body))
        finally:
            self._variables.pop()

    def _list(self, node: "nodes.Node") -> Expression:
        items = self._expression(node)
        name = items.name if isinstance(items, Named) else ""
        spec = (self._inputs or {}).get(name)
        if not name or name in self._variables or (spec and spec.type != "list"):
            advice = "only an input of type list can be gone through"
            raise _Refused("E23", "a loop over something that is no list", node.lineno, name or "in", advice)
        return items

    def _expression(self, node: "nodes.Node") -> Expression:
        with self._deeper(node):
            return self._operand(node)

    def _operand(self, node: "nodes.Node") -> Expression:
        from jinja2 import nodes

        match node:
            case nodes.Const():
                return Literally(_constant(node))
            case nodes.Name():
                return self._name(node)
            case nodes.Filter():
                return self._filter(node)
            case nodes.Compare():
                return self._comparison(node)
            case _:
                return self._logic(node)

    def _logic(self, node: "nodes.Node") -> Expression:
        from jinja2 import nodes

        match node:
            case nodes.Not():
                return Not(self._expression(node.node))
            case nodes.And():
                return Both("and", self._expression(node.left), self._expression(node.right))
            case nodes.Or():
                return Both("or", self._expression(node.left), self._expression(node.right))
            case _:
                raise _refused(node)

    def _name(self, node: "nodes.Name") -> Named:
        if self._inputs is None or node.name in self._variables:
            return Named(node.name)
        spec = self._inputs.get(node.name)
        if spec is None:
            near = did_you_mean(node.name, self._inputs)
            advice = near if near.startswith("did") else f"inputs are: {', '.join(self._inputs) or 'none'}"
            message = f"{{{{ {node.name} }}}} is not an input"
            raise _Refused("E21", message, node.lineno, node.name, advice)
        if spec.type == "document" and self._section.kind not in _DOCUMENT_SECTIONS:
            advice = f"documents may stand in: {', '.join(_DOCUMENT_SECTIONS)}"
            message = f"the document {node.name!r} in @@ {self._section.kind}"
            raise _Refused("E25", message, node.lineno, node.name, advice)
        return Named(node.name)

    def _filter(self, node: "nodes.Filter") -> Filtered:
        name = next((one for one in FILTERS if one == node.name), None)
        if name is None:
            advice = did_you_mean(node.name, FILTERS)
            raise _Refused("E24", f"unknown filter {node.name!r}", node.lineno, node.name, advice)
        if node.node is None:
            raise _refused(node)
        value = self._expression(node.node)
        spec = (self._inputs or {}).get(value.name) if isinstance(value, Named) else None
        if spec and spec.type == "document":
            advice = "a document stands as it is, in its fence; test it by {% if %}, insert it by {{ name }}"
            message = f"the filter {name!r} on a document"
            raise _Refused("E24", message, node.lineno, name, advice)
        return Filtered(value, name, _argument(node, name))

    def _comparison(self, node: "nodes.Compare") -> Expression:
        if len(node.ops) != 1 or node.ops[0].op not in ("eq", "in", "notin"):
            advice = "write ==, in, or not; one comparison at a time"
            raise _Refused("E23", "this comparison is not allowed", node.lineno, "", advice)
        operand = node.ops[0]
        left, right = self._expression(node.expr), self._expression(operand.expr)
        if operand.op != "eq":
            held = Test("in", left, right)
            return Not(held) if operand.op == "notin" else held
        self._check_choice(left, right, node.lineno)
        self._check_choice(right, left, node.lineno)
        return Test("==", left, right)

    def _check_choice(self, name: Expression, value: Expression, line: int) -> None:
        """A comparison with a word that the enum does not have can never hold."""
        if not isinstance(name, Named) or not isinstance(value, Literally):
            return
        spec = (self._inputs or {}).get(name.name)
        if spec and spec.type == "enum" and value.value not in spec.choices:
            word = str(value.value)
            message = f"{name.name!r} is never {word!r}"
            raise _Refused("E10", message, line, word, did_you_mean(word, spec.choices))


def _refused(node: "nodes.Node") -> _Refused:
    kind = type(node).__name__
    arithmetic = kind in ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow", "Neg", "Pos")
    what = "arithmetic" if arithmetic else _NAMES_OF_NODES.get(kind, kind.lower())
    return _Refused("E23", f"{what} is not allowed in a prompt", node.lineno, "", _ALLOWED)


def _constant(node: "nodes.Const") -> str | int | bool | Decimal:
    value = node.value
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, str | int):
        return value
    raise _Refused("E23", f"{value!r} is not allowed in a prompt", node.lineno, "", _ALLOWED)


def _argument(node: "nodes.Filter", name: FilterName) -> str | int | None:
    """Return the one argument that `default` and `join` (a string) and `truncate_lines` (a number) take."""
    from jinja2 import nodes

    kind = {"default": str, "join": str, "truncate_lines": int}.get(name)
    values = [arg.value for arg in node.args if isinstance(arg, nodes.Const)]
    fits = len(node.args) == len(values) == (1 if kind else 0) and not (
        node.kwargs or node.dyn_args or node.dyn_kwargs
    )
    if fits and (kind is None or (type(values[0]) is kind and values[0] != 0)):
        return values[0] if kind else None
    wanted = {"default": '("text")', "join": '(", ")', "truncate_lines": "(10)"}.get(name, "")
    raise _Refused("E24", f"the filter {name!r} used wrongly", node.lineno, name, f"write {name}{wanted}")
