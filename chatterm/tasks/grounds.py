"""Grounds: the documents that a reply may rest on, and how the lines that it does rest on are said.

The lines are found by `checks.support`; here they get their documents' names and pages. Texts are foreign:
whoever shows them makes them safe.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from chatterm.checks import Evidence
from chatterm.prompts.language import count_han

if TYPE_CHECKING:
    from chatterm.checks.support import Citer, Support
    from chatterm.documents.places import Pages

_MAX_NAME = 60
_MARKUP = re.compile(r"([\\`*_\[\]<>|~])")
_WORD = re.compile(r"[^\W\d_\u3400-\u9fff]+")


class Grounds:
    """The documents that a reply may rest on, indexed once: when the first statement is looked up."""

    def __init__(self, named: Sequence[tuple[str, str]]) -> None:
        """`named`: names and texts, in the order in which `Evidence.source` counts them."""
        self.names = tuple(name for name, _ in named)
        self.texts = tuple(text for _, text in named)

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
        return self._citer.cite(statement)

    def cite_all(self, reply: str) -> "Iterator[Support]":
        """Yield one for each statement of a reply."""
        return self._citer.cite_all(reply)

    @property
    def language(self) -> str:
        """What most of the words are in, zh or en: a reply in the other shares no words with them."""
        sample = "".join(text[:20_000] for text in self.texts)
        num_chinese = count_han(sample) / 2  # most words have two characters
        return "zh" if num_chinese > len(_WORD.findall(sample)) else "en"

    def mark(self, support: "Support", lang: str, *, is_markdown: bool = False) -> str:
        """Return what stands behind a statement: `[12-14]`, `[report.txt:12-14]`, `[p. 3:12-14]`.

        `is_markdown`: so that it is seen as that where Markdown is rendered.
        """
        mark = f"[{self.lines(support, lang)}]"
        return _MARKUP.sub(r"\\\1", mark) if is_markdown else mark

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
