"""`output:` of a prompt: its format, schema, closed answers, and the fields that code computes. Typed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from chatterm.prompts.front_matter import Items, Node, Scalar
from chatterm.prompts.inputs import InputSpec, Value
from chatterm.prompts.reader import LANGUAGE_CODE, Fields, Reader
from chatterm.prompts.schema import Schema, fields_of, read_schema

OutputFormat = Literal["text", "markdown", "label", "json"]
View = Literal["table", "list", "text"]
Function = Literal["compare", "sum", "count", "ratio", "growth", "days_between", "shares"]

FUNCTIONS: tuple[Function, ...] = get_args(Function)
_NUM_ARGUMENTS: Mapping[Function, int] = {
    **dict.fromkeys(("compare", "ratio", "growth", "days_between"), 2),
    **dict.fromkeys(("sum", "count", "shares"), 1),
}
_CALL = re.compile(r"(\w+)\(\s*(\w+(?:\s*,\s*\w+)*)\s*\)")


@dataclass(frozen=True, slots=True)
class Computation:
    """A field of the reply that code computes from others, which the model copied."""

    function: Function
    arguments: tuple[str, ...]
    """Names of the schema's fields."""

    def __str__(self) -> str:
        return f"{self.function}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The closed answers of a prompt with the format `label`."""

    source: str = ""
    """The input of type list whose items are the labels; empty where the file names them."""
    chosen_by: str = ""
    """The enum input whose value chooses among `sets`; empty where there is one set."""
    sets: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """By that value ('' for one set), then by language."""
    several: str = ""
    """The bool input that lets more than one label apply; empty where only one ever does."""

    def of(self, lang: str, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the labels in the order of the file; `values` are those of the inputs, as they are read."""
        if self.source:
            items = values[self.source]
            return items if isinstance(items, tuple) else ()
        return self.sets[str(values[self.chosen_by]) if self.chosen_by else ""][lang]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """What a reply looks like."""

    format: OutputFormat = "text"
    schema: Schema | None = None
    """Of a reply in JSON, which decoding is held to (`schema.constraint_text`)."""
    labels: Labels | None = None
    """Of a label."""
    computed: Mapping[str, Computation] = field(default_factory=dict)
    view: View = "text"
    """How people see it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What `output` is checked against."""

    inputs: Sequence[InputSpec]
    languages: Sequence[str]


def read_output(
    reader: Reader, node: Node | None, around: Surroundings
) -> tuple[OutputSpec, tuple[str, ...]]:
    """Return the output and the keys it has."""
    fields = reader.fields(node, "output", ("format", "schema", "labels", "computed", "view"))
    form = cast(
        OutputFormat,
        reader.choice(fields.get("format"), "output.format", get_args(OutputFormat), "text"),
    )
    schema = read_schema(reader, fields["schema"], "output.schema") if "schema" in fields else None
    for kind, key in (("json", "schema"), ("label", "labels")):
        if node and (form == kind) != (key in fields):
            message = f"{kind} without {key}, or {key} without {kind}"
            reader.note("E28", message, node.place, f"format: {kind} and {key} go together")
    spec = OutputSpec(
        format=form,
        schema=schema,
        labels=_labels(reader, fields["labels"], around) if "labels" in fields else None,
        computed=_computed(reader, fields, schema),
        view=cast(View, reader.choice(fields.get("view"), "output.view", get_args(View), "text")),
    )
    return spec, tuple(fields)


def _computed(reader: Reader, fields: Fields, schema: Schema | None) -> dict[str, Computation]:
    known = [name for name, _ in fields_of(schema)] if schema else []
    computed: dict[str, Computation] = {}
    for key, value in reader.entries(fields.get("computed"), "computed"):
        if key.text in known:
            advice = "a field is written by the model or computed; name it otherwise"
            reader.note("E10", f"the computed field {key.text!r} is in the schema", key.place, advice)
        found = _computation(reader, value, known)
        if found:
            computed[key.text] = found
    return computed


def _computation(reader: Reader, node: Node, known: Iterable[str]) -> Computation | None:
    call = reader.text(node, "a computed field")
    parts = _CALL.fullmatch(call)
    function = next((one for one in FUNCTIONS if parts and one == parts[1]), None)
    if not parts or not function:
        advice = f"write one of {' '.join(FUNCTIONS)} with field names: sum(amount)"
        reader.note("E10", f"{call!r} is not a computation", node.place, advice)
        return None
    arguments = tuple(name.strip() for name in parts[2].split(","))
    unknown = [name for name in arguments if name not in known]
    if unknown or len(arguments) != _NUM_ARGUMENTS[function]:
        advice = f"{function} takes {_NUM_ARGUMENTS[function]} of the fields: {', '.join(known) or 'none'}"
        reader.note("E10", f"{call!r} cannot be computed", node.place, advice)
    return Computation(function, arguments)


def _labels(reader: Reader, node: Node, around: Surroundings) -> Labels:
    """Read `{en: [...], zh: [...]}`, `{by: INPUT, value: {en: [...]}, ...}`, or `{from: INPUT}`.

    Beside `from`, `several` may name an input.
    """
    entries = {key.text: value for key, value in reader.entries(node, "output.labels")}
    if "from" in entries:
        source = _input_named(reader, entries.pop("from"), around, "list")
        several = entries.pop("several", None)
        for value in entries.values():
            reader.note("E10", "labels beside from", value.place, "either from: INPUT, or the labels")
        return Labels(source=source, several=_input_named(reader, several, around, "bool") if several else "")
    if "by" not in entries:
        return Labels(sets={"": _label_set(reader, node, around)})
    name = _input_named(reader, entries.pop("by"), around, "enum")
    choices = next((spec.choices for spec in around.inputs if spec.name == name), ())
    if name and set(choices) != set(entries):
        advice = f"give one set of labels for each of: {', '.join(choices)}"
        reader.note("E10", f"labels do not cover {name!r}", node.place, advice)
    return Labels(
        chosen_by=name, sets={choice: _label_set(reader, one, around) for choice, one in entries.items()}
    )


def _input_named(reader: Reader, node: Node, around: Surroundings, kind: str) -> str:
    """Return the name of an input of this kind that always has a value, or '' after noting what is wrong."""
    name = reader.text(node, "output.labels")
    fitting = [
        spec.name for spec in around.inputs if spec.type == kind and (spec.is_required or spec.default)
    ]
    if name in fitting:
        return name
    advice = (
        f"name an input of type {kind}, required or with a default: {', '.join(fitting) or 'there is none'}"
    )
    reader.note("E10", f"{name!r} cannot give the labels", node.place, advice)
    return ""


def _label_set(reader: Reader, node: Node, around: Surroundings) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key, value in reader.entries(node, "output.labels"):
        if LANGUAGE_CODE.fullmatch(key.text):
            found[key.text] = _label_list(reader, value)
        else:
            advice = "keys are languages: {en: [yes, no], zh: [是, 否]}"
            reader.note("E07", f"unknown language {key.text!r} in output.labels", key.place, advice)
    missing = [lang for lang in around.languages if lang not in found]
    if missing:
        reader.note("E20", f"no labels for {', '.join(missing)}", node.place, f"add {missing[0]}: [a, b]")
    return found


def _label_list(reader: Reader, node: Node) -> tuple[str, ...]:
    items = node.items if isinstance(node, Items) else ()
    labels = tuple(item.text.strip() for item in items if isinstance(item, Scalar))
    if len(set(labels)) < max(2, len(items)) or not all(labels) or any("\n" in label for label in labels):
        advice = "at least two, each of one line and given once: [yes, no]"
        reader.note("E10", "labels that cannot be told apart", node.place, advice)
    return labels
