"""What a prompt asks of code around the model: how a long document is read, and what is verified after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from chatterm.prompts.front_matter import Node, Scalar
from chatterm.prompts.inputs import InputSpec
from chatterm.prompts.reader import Reader

Strategy = Literal["fits", "map", "map-reduce", "refine", "retrieve"]
Unit = Literal["row", "line", "review", "clause", "paragraph", "section", "page"]
Level = Literal["off", "mark", "strict"]

_MAX_QUOTED = 100


@dataclass(frozen=True, slots=True)
class Quota:
    """How many facts code chooses."""

    counts: Mapping[str, int]
    """By the value of an enum input; '' where there is one number."""
    by: str = ""
    """That input."""

    def of(self, values: Mapping[str, str], inputs: Sequence[InputSpec]) -> int:
        """Return the number for the values given; an input without one has its default."""
        if not self.by:
            return self.counts[""]
        default = next((spec.default for spec in inputs if spec.name == self.by), None)
        return self.counts.get(values.get(self.by) or default or "", min(self.counts.values()))


@dataclass(frozen=True, slots=True)
class LongPlan:
    """What becomes of a document that is longer than the budget."""

    strategy: Strategy = "fits"
    """`fits`: an error with both numbers. `map`: each part by itself. `map-reduce`: the parts' replies into
    one. `refine`: part by part. `retrieve`: only the parts that the question is about."""
    unit: Unit | None = None
    """What a part is, of the strategy `map`; None: chunks by structure."""
    quote: Quota | None = None
    """Of `map-reduce` in text: a model of the tier `tiny` does not write the answer. So many sentences of the
    document, those that its notes on the parts rest on, are the answer; None: every model writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPlan:
    """What is checked in a reply against its source. `mark` shows what failed; `strict` counts it."""

    numbers: Level = "off"
    """Every number of the reply stands in the source."""
    quotes: Level = "off"
    """Every quotation stands in the source."""
    citations: Level = "off"
    """Every statute, case and identifier stands in the source."""
    copies: Level = "off"
    """Every field of the schema with `copy: true` stands in the source."""
    coverage: Level = "off"
    """Every number and date of the source stands in the reply."""
    language: Level = "off"
    """The reply is in the language that was asked for."""
    structure: Level = "off"
    """Markup, code and placeholders of the source are kept."""
    example_leak: bool = False
    """A number or name of a sent example that the source lacks is marked."""


_VERIFIED = ("numbers", "quotes", "citations", "copies", "coverage", "language", "structure")


def read_long(reader: Reader, node: Node | None, inputs: Sequence[InputSpec]) -> LongPlan:
    """Read the mapping under `long`."""
    fields = reader.fields(node, "long", ("strategy", "unit", "quote"))
    if node and "strategy" not in fields:
        reader.note("E08", "long without a strategy", node.place, f"one of: {', '.join(get_args(Strategy))}")
    strategy = reader.choice(fields.get("strategy"), "long.strategy", get_args(Strategy), "fits")
    for key, owner in (("unit", "map"), ("quote", "map-reduce")):
        if key in fields and "strategy" in fields and strategy != owner:
            advice = f"{key} belongs to strategy: {owner}; leave it out"
            reader.note("E10", f"{key} for {strategy}", fields[key].place, advice)
    unit = (
        reader.choice(fields["unit"], "long.unit", get_args(Unit), "paragraph") if "unit" in fields else None
    )
    quote = _read_quota(reader, fields["quote"], inputs) if "quote" in fields else None
    return LongPlan(cast(Strategy, strategy), cast(Unit | None, unit), quote)


def _read_quota(reader: Reader, node: Node, inputs: Sequence[InputSpec]) -> Quota | None:
    """Read `5`, or `{by: INPUT, value: 3, ...}` with a number for each value of an enum."""
    if isinstance(node, Scalar):
        number = reader.whole(node, "long.quote", 1, _MAX_QUOTED)
        return Quota({"": number}) if number else None
    entries = {key.text: value for key, value in reader.entries(node, "long.quote")}
    enums = {spec.name: spec.choices for spec in inputs if spec.type == "enum"}
    name = reader.choice(entries.pop("by", None), "long.quote.by", enums, "")
    counts = {key: reader.whole(value, f"long.quote.{key}", 1, _MAX_QUOTED) for key, value in entries.items()}
    if not name or set(counts) != set(enums[name]):
        wanted = ", ".join(enums.get(name, ())) or f"by: and one of {', '.join(enums) or 'no enum inputs'}"
        reader.note("E10", "long.quote does not say how many", node.place, f"write a number, or {wanted}")
        return None
    return Quota({key: number or 1 for key, number in counts.items()}, name)


def read_verify(reader: Reader, node: Node | None) -> VerifyPlan:
    """Read the mapping under `verify`."""
    fields = reader.fields(node, "verify", (*_VERIFIED, "example_leak"))
    levels = {
        key: cast(Level, reader.choice(fields.get(key), f"verify.{key}", get_args(Level), "off"))
        for key in _VERIFIED
    }
    leak = reader.truth(fields.get("example_leak"), "verify.example_leak", default=False)
    return VerifyPlan(**levels, example_leak=leak)
