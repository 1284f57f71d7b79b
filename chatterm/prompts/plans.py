"""What a prompt asks of code around the model: how a long document is read, and what is verified after."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

from chatterm.prompts.front_matter import Node
from chatterm.prompts.reader import Reader

Strategy = Literal["fits", "map", "map-reduce", "refine", "retrieve"]
Unit = Literal["row", "line", "review", "clause", "paragraph", "section", "page"]
Level = Literal["off", "mark", "strict"]


@dataclass(frozen=True, slots=True)
class LongPlan:
    """What becomes of a document that is longer than the budget."""

    strategy: Strategy = "fits"
    """`fits`: an error with both numbers. `map`: each part by itself. `map-reduce`: the parts' replies into
    one. `refine`: part by part. `retrieve`: only the parts that the question is about."""
    unit: Unit | None = None
    """What a part is, of the strategy `map`; None: chunks by structure."""


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


def read_long(reader: Reader, node: Node | None) -> LongPlan:
    """Read the mapping under `long`."""
    fields = reader.fields(node, "long", ("strategy", "unit"))
    if node and "strategy" not in fields:
        reader.note("E08", "long without a strategy", node.place, f"one of: {', '.join(get_args(Strategy))}")
    strategy = reader.choice(fields.get("strategy"), "long.strategy", get_args(Strategy), "fits")
    if "unit" not in fields:
        return LongPlan(cast(Strategy, strategy))
    unit = reader.choice(fields["unit"], "long.unit", get_args(Unit), "paragraph")
    if "strategy" in fields and strategy != "map":
        advice = "a unit belongs to strategy: map; other strategies cut by the text's own structure"
        reader.note("E10", f"a unit for {strategy}", fields["unit"].place, advice)
    return LongPlan(cast(Strategy, strategy), cast(Unit, unit))


def read_verify(reader: Reader, node: Node | None) -> VerifyPlan:
    """Read the mapping under `verify`."""
    fields = reader.fields(node, "verify", (*_VERIFIED, "example_leak"))
    levels = {
        key: cast(Level, reader.choice(fields.get(key), f"verify.{key}", get_args(Level), "off"))
        for key in _VERIFIED
    }
    leak = reader.truth(fields.get("example_leak"), "verify.example_leak", default=False)
    return VerifyPlan(**levels, example_leak=leak)
