"""Cited: what each statement of a reply rests on, or each item of one in JSON."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from chatterm.checks import Evidence
from chatterm.tasks.check_plan import CheckPlan, Earlier
from chatterm.tasks.grounds import Grounds
from chatterm.tasks.json_leaves import Leaf, Path

if TYPE_CHECKING:
    from chatterm.checks.support import Support
    from chatterm.tasks.checking import FieldMark
    from chatterm.tasks.reply_text import ReplyText

_MAX_ITEM = 2000


def grounds_of(plan: CheckPlan, earlier: Earlier) -> Grounds:
    """Return what a reply is held against, the same object for the same turn; nothing for a label."""
    if plan.is_closed:
        return Grounds(())
    names = dict(zip(plan.sources, plan.names, strict=False))
    for text, name in zip(earlier.sources, earlier.names, strict=False):
        names.setdefault(text, name)
    texts = tuple(dict.fromkeys((*plan.sources, *earlier.sources)))
    if texts not in plan.grounds:
        plan.grounds[texts] = Grounds([(names.get(text, "text"), text) for text in texts])
    return plan.grounds[texts]


@dataclass(frozen=True, slots=True)
class CitedStatement:
    """A statement of a reply, or a value of one in JSON, with its support."""

    support: "Support"
    path: Path | None = None
    """Of the value; of an item of a list, its place."""


@dataclass(frozen=True)
class Cited:
    """What a reply rests on, looked up when it is first asked for."""

    grounds: Grounds
    reply: "ReplyText | None" = None
    is_json: bool = False
    fields: "tuple[FieldMark, ...]" = ()

    @cached_property
    def sources(self) -> tuple[CitedStatement, ...]:
        """In the order of the reply."""
        if self.reply is None or not self.grounds:
            return ()
        if self.is_json:
            return tuple(self._of_values(self.reply))
        return tuple(CitedStatement(support) for support in self.grounds.cite_all(self.reply.raw))

    def as_json(self) -> list[dict[str, object]]:
        """Return plain values for `--json`."""
        return [
            {
                "text": one.support.text,
                **(
                    {"span": [one.support.start, one.support.end]}
                    if one.path is None
                    else {"path": list(one.path)}
                ),
                "how": one.support.how,
                "places": self.grounds.places_json(one.support),
            }
            for one in self.sources
        ]

    def _of_values(self, reply: "ReplyText") -> Iterator[CitedStatement]:
        """Yield the items of an answer that is a list, or the values of one that is none."""
        groups: dict[Path, list[Leaf]] = {}
        for leaf in reply.values:
            is_item = bool(leaf.path) and isinstance(leaf.path[0], int)
            groups.setdefault(leaf.path[:1] if is_item else leaf.path, []).append(leaf)
        for path, leaves in groups.items():
            text = "; ".join(leaf.text for leaf in leaves)[:_MAX_ITEM]
            support = self._checked(path, text) or self._likest(text, leaves)
            yield CitedStatement(replace(support, start=leaves[0].start, end=leaves[-1].end, text=text), path)

    def _checked(self, path: Path, text: str) -> "Support | None":
        """Return the lines that the checks found what was copied or quoted on."""
        from chatterm.checks.sources import MAX_EVIDENCE
        from chatterm.checks.support import Support

        found = tuple(self._copied_from.get(path, ()))[:MAX_EVIDENCE]
        return Support(start=0, end=len(text), text=text, how="quote", evidence=found) if found else None

    @cached_property
    def _copied_from(self) -> dict[Path, dict[Evidence, None]]:
        """Where the documents have what was copied or quoted, by value and by item of a list."""
        places: dict[Path, dict[Evidence, None]] = defaultdict(dict)
        for mark in self.fields:
            for finding in mark.findings:
                is_there = finding.kind in ("copy", "quote") and finding.verdict != "absent"
                if is_there and finding.evidence and finding.evidence[0].source >= 0:
                    for path in {mark.path, mark.path[:1]}:
                        places[path][finding.evidence[0]] = None
        return places

    def _likest(self, text: str, leaves: Sequence[Leaf]) -> "Support":
        """Return what an item rests on as a whole, or else its longest value that rests on anything."""
        whole = self.grounds.cite(text)
        if whole.is_supported or len(leaves) == 1:
            return whole
        parts = [self.grounds.cite(leaf.text) for leaf in sorted(leaves, key=lambda leaf: -len(leaf.text))]
        return next((one for one in parts if one.is_supported), whole)
