"""ReplyText: a reply as the checks read it, and the way back from their places to the reply's own.

A reply in JSON is read value by value: its quotation marks are no quotes, its names no words of the model.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import cast

from chatterm.checks import Finding
from chatterm.checks.rows import Rows
from chatterm.checks.verify import Basis, verify
from chatterm.prompts.output import OutputSpec
from chatterm.prompts.schema import BY_CODE, Schema
from chatterm.tasks.json_leaves import Leaf, Path, leaves
from chatterm.tasks.structured import read_answer

_GAP = "\n\n"
_QUOTES = ("quote", "quotes")
"""Fields that are held to the source whether or not the schema says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyText:
    """What the checks get of a reply."""

    raw: str
    """The reply as it came."""
    text: str
    """What it says; of JSON the texts that the model wrote itself, a gap between them."""
    copied: tuple[Leaf, ...] = ()
    """The values that were to be copied."""
    written: tuple[Leaf, ...] = ()
    """The other values, in the order of `text`."""
    offsets: tuple[int, ...] = ()
    """Where each of them starts in `text`."""

    @property
    def copies(self) -> tuple[str, ...]:
        return tuple(leaf.text for leaf in self.copied)

    @property
    def values(self) -> list[Leaf]:
        """All of them, in the order of the reply."""
        return sorted((*self.copied, *self.written), key=lambda leaf: leaf.start)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the reply of a place in `text`; of an escaped value that is all of it."""
        if not self.offsets:
            return start, end
        place = bisect_right(self.offsets, start) - 1
        leaf = self.written[place]
        if not leaf.is_plain:
            return leaf.start, leaf.end
        shift = leaf.start - self.offsets[place]
        return start + shift, min(end + shift, leaf.end)

    def placed(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Return what was found in `text` and in `copies`, with the places of the reply, in their order."""
        copied = iter(self.copied)
        moved = []
        for finding in findings:
            if finding.kind == "copy":
                leaf = next(copied)
                moved.append(replace(finding, start=leaf.start, end=leaf.end))
            elif finding.start >= 0:
                start, end = self.span(finding.start, finding.end)
                moved.append(replace(finding, start=start, end=end))
            else:
                moved.append(finding)
        yield from sorted(moved, key=lambda one: (one.start < 0, one.start, one.end))

    def leaked_copies(self, basis: Basis) -> list[Finding]:
        """Return what the values to be copied have from the examples instead."""
        copies = _with_values(self.raw, (), self.copied)
        report = verify(copies.text, basis, levels={"number": "off", "quote": "off", "citation": "off"})
        return list(copies.placed(report.findings))

    def in_rows(self, findings: Sequence[Finding], rows: Rows) -> list[Finding]:
        """Return the findings, marking what was copied into one item from different rows of the document."""
        marked = {(one.start, one.end): one for one in findings if one.kind == "copy"}
        for left, right in pairwise(self.copied):
            found = marked.get((right.start, right.end))
            is_item = left.path[:-1] == right.path[:-1] and isinstance(right.path[-1], str)
            if found and found.is_verified and is_item and rows.are_apart(left.text, right.text):
                marked[right.start, right.end] = replace(found, verdict="near", why="row")
        return [marked[one.start, one.end] if one.kind == "copy" else one for one in findings]

    def by_field(self, findings: Sequence[Finding]) -> Iterator[tuple[Path, tuple[Finding, ...]]]:
        """Yield the values of a reply in JSON in which something was found, with that."""
        values, inside = self.values, defaultdict[int, list[Finding]](list)
        starts = [leaf.start for leaf in values]
        for one in findings:
            place = bisect_right(starts, one.start) - 1
            if place >= 0 and one.start <= values[place].end and one.kind != "language":
                inside[place].append(one)
        yield from ((values[place].path, tuple(inside[place])) for place in sorted(inside))

    def violation(self, schema: Schema | None) -> str | None:
        """Return in what the reply is not what `schema` asks for, or None."""
        if schema is None:
            return None
        answer = read_answer(self.raw, OutputSpec(format="json", schema=schema))
        if answer is None:
            return "it is no JSON"
        return "it is not whole" if answer.is_truncated else answer.violation


def read_reply(raw: str, schema: Schema | None) -> ReplyText:
    """Read a reply; with a schema it is one in JSON."""
    if schema is None:
        return ReplyText(raw=raw, text=raw)
    copied: list[Leaf] = []
    written: list[Leaf] = []
    for leaf in leaves(raw):
        inner = _schema_at(schema, leaf.path)
        if "enum" in inner or BY_CODE in inner or not leaf.text.strip():
            continue
        if inner.get("copy") or any(step in _QUOTES for step in leaf.path):
            copied.append(leaf)
        else:
            written.append(leaf)
    return _with_values(raw, copied, written)


def _with_values(raw: str, copied: Sequence[Leaf], written: Sequence[Leaf]) -> ReplyText:
    offsets = accumulate((len(leaf.text) + len(_GAP) for leaf in written), initial=0)
    return ReplyText(
        raw=raw,
        text=_GAP.join(leaf.text for leaf in written),
        copied=tuple(copied),
        written=tuple(written),
        offsets=tuple(offsets)[:-1],
    )


def _schema_at(schema: Schema, path: Path) -> Schema:
    for step in path:
        if isinstance(step, int):
            schema = cast(Schema, schema.get("items", {}))
        else:
            schema = cast(Mapping[str, Schema], schema.get("properties", {})).get(step, {})
    return schema
