"""Says where the documents of a turn support its reply: marks behind statements, and plain values for JSON.

The lines are found by `checks.support`; here they get their documents' names and pages. Texts are foreign:
whoever shows them makes them safe.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from chatterm.checks import Evidence
from chatterm.tasks.check_plan import CheckPlan, Earlier
from chatterm.tasks.json_leaves import Leaf, Path

if TYPE_CHECKING:
    from chatterm.checks.support import Citer, Support
    from chatterm.documents.places import Pages
    from chatterm.tasks.checking import FieldMark
    from chatterm.tasks.reply_text import ReplyText

_MAX_NAME = 60
_MAX_ITEM = 2000
_MAX_PLACES = 3
_HAN = re.compile("[\u3400-\u9fff]")
_WORD = re.compile(r"[^\W\d_\u3400-\u9fff]+")


class Grounds:
    """The documents that a reply may rest on, indexed once: when the first statement is looked up."""

    def __init__(self, named: Sequence[tuple[str, str]]) -> None:
        """`named`: names and texts, in the order in which `Evidence.source` counts them."""
        self.names = tuple(name for name, _ in named)
        self.texts = tuple(text for _, text in named)
        self._found: dict[str, Support] = {}

    def __bool__(self) -> bool:
        return bool(self.texts)

    @cached_property
    def _citer(self) -> "Citer":
        from chatterm.checks.support import Citer

        return Citer(self.texts)

    @cached_property
    def _pages(self) -> "tuple[Pages, ...]":
        from chatterm.documents.places import pages_of

        return tuple(map(pages_of, self.texts))

    def cite(self, statement: str) -> "Support":
        """Return where the documents say `statement`; its places count in it."""
        if statement not in self._found:
            self._found[statement] = self._citer.cite(statement)
        return self._found[statement]

    def cite_all(self, reply: str) -> "Iterator[Support]":
        """Yield one for each statement of a reply."""
        from chatterm.checks.statements import statements

        for start, end in statements(reply):
            yield replace(self.cite(reply[start:end]), start=start, end=end)

    @property
    def language(self) -> str:
        """What most of the words are in, zh or en: a reply in the other shares no words with them."""
        sample = "".join(text[:20_000] for text in self.texts)
        num_chinese = len(_HAN.findall(sample)) / 2  # most words have two characters
        return "zh" if num_chinese > len(_WORD.findall(sample)) else "en"

    def mark(self, support: "Support", lang: str) -> str:
        """Return what stands behind a statement: `[12-14]`, `[report.txt:12-14]`, `[p. 3:12-14]`."""
        return f"[{self.lines(support, lang)}]"

    def lines(self, support: "Support", lang: str) -> str:
        """Return the same without brackets; `no source` where it rests on nothing."""
        if not support.is_supported:
            return "无出处" if lang == "zh" else "no source"
        return ", ".join(self._place(one, lang) for one in _joined(support.evidence))

    def _place(self, place: Evidence, lang: str) -> str:
        pages = self._pages[place.source]
        mark = pages.mark(place.first_line, place.last_line, lang=lang)
        if len(self.names) == 1:
            return mark
        return f"{_short(self.names[place.source])}{' ' if pages else ':'}{mark}"

    def places_json(self, support: "Support") -> list[dict[str, object]]:
        """Return the places as plain values; lines count from 1 in the whole document, documents from 0."""
        return [
            {
                "document": one.source,
                "name": self.names[one.source],
                "lines": [one.first_line, one.last_line],
                "page": self._pages[one.source].page_of(one.first_line),
            }
            for one in support.evidence
        ]


def grounds_of(plan: CheckPlan, earlier: Earlier) -> Grounds:
    """Return what a reply is held against, the same object for the same turn; nothing for a label."""
    if plan.is_closed:
        return Grounds(())
    names = dict(zip(plan.sources, plan.names, strict=False))
    for text, name in zip(earlier.sources, earlier.names, strict=False):
        names.setdefault(text, name)
    texts = tuple(dict.fromkeys((*plan.sources, *earlier.sources)))
    if texts not in plan.kept:
        plan.kept[texts] = Grounds([(names.get(text, "text"), text) for text in texts])
    return plan.kept[texts]  # type: ignore[return-value]  # check_plan knows nothing of this module


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
    fields: "tuple[FieldMark, ...]" = field(default=())

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
        for leaf in sorted((*reply.copied, *reply.written), key=lambda leaf: leaf.start):
            is_item = bool(leaf.path) and isinstance(leaf.path[0], int)
            groups.setdefault(leaf.path[:1] if is_item else leaf.path, []).append(leaf)
        for path, leaves in groups.items():
            text = "; ".join(leaf.text for leaf in leaves)[:_MAX_ITEM]
            support = self._checked(path, text) or self._likest(text, leaves)
            yield CitedStatement(replace(support, start=leaves[0].start, end=leaves[-1].end, text=text), path)

    def _checked(self, path: Path, text: str) -> "Support | None":
        """Return the lines that the checks found what was copied or quoted on."""
        from chatterm.checks.support import Support

        evidence = [
            finding.evidence[0]
            for mark in self.fields
            if mark.path[: len(path)] == path
            for finding in mark.findings
            if finding.kind in ("copy", "quote") and finding.verdict != "absent" and finding.evidence
        ]
        found = tuple(dict.fromkeys(one for one in evidence if one.source >= 0))[:_MAX_PLACES]
        return Support(start=0, end=len(text), text=text, how="quote", evidence=found) if found else None

    def _likest(self, text: str, leaves: Sequence[Leaf]) -> "Support":
        """Return what an item rests on as a whole, or else its longest value that rests on anything."""
        whole = self.grounds.cite(text)
        if whole.is_supported or len(leaves) == 1:
            return whole
        parts = [self.grounds.cite(leaf.text) for leaf in sorted(leaves, key=lambda leaf: -len(leaf.text))]
        return next((one for one in parts if one.is_supported), whole)


def _joined(places: Sequence[Evidence]) -> list[Evidence]:
    """Return the places in their documents' order, those that touch as one."""
    joined: list[Evidence] = []
    for one in sorted(places, key=lambda place: (place.source, place.first_line)):
        last = joined[-1] if joined else None
        if last and last.source == one.source and one.first_line <= last.last_line + 1:
            joined[-1] = replace(last, last_line=max(last.last_line, one.last_line))
        else:
            joined.append(one)
    return joined


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
