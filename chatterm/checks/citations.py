"""Finds statutes, cases, dockets, DOIs, ICD codes and links in a reply, and looks for them in the sources.

A citation is reduced to a key, so that § 12 and Section 12, or 第三十九条 and 第39条, are the same one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatterm.checks.findings import Evidence, Finding, Verdict, Why
from chatterm.checks.folding import fold
from chatterm.checks.number_words import HAN, chinese_value
from chatterm.checks.sources import Source, first

_NUMBER = r"[0-9]{1,5}[a-z]?(?:\.[0-9]{1,4}){0,3}(?![0-9])(?: ?\([0-9a-z]{1,4}\)){0,4}"
_NAME = r"[A-Z][A-Za-z'’&-]{1,30}(?: (?:of|the|and|&|[A-Z][A-Za-z'’&.-]{0,30})){0,4}"
_PATTERNS = {
    "docket": re.compile(r"\((?:19|20)[0-9]{2}\)[^\s,。;()]{1,30}?[0-9]{1,7}号"),
    "law": re.compile(rf"《([^《》\n]{{1,60}})》(?: ?第([0-9{HAN}]{{1,9}})[条條])?"),
    "article_zh": re.compile(rf"第([0-9{HAN}]{{1,9}})[条條](?!目|码)"),
    "doi": re.compile(r"\b10\.[0-9]{4,9}/[^\s\"<>,;)\]。,]{1,120}"),
    "link": re.compile(r"https?://[^\s\"<>)\]。,]{1,300}"),
    "usc": re.compile(rf"\b[0-9]{{1,3}} (?:U\.S\.C\.|USC|C\.F\.R\.|CFR) (?:§§? ?)?{_NUMBER}"),
    "reporter": re.compile(
        r"\b[0-9]{1,4} (?:U\.S\.|S\. ?Ct\.|F\. ?(?:2d|3d|4th|Supp\. ?[23]?d?)|N\.E\.2d|P\.[23]d) [0-9]{1,5}"
    ),
    "section": re.compile(rf"(?:§§? ?|\b(?:[Ss]ections?|[Ss]ec\.|[Ss]ect\.) ){_NUMBER}"),
    "article": re.compile(rf"\b(?:[Aa]rticles?|[Aa]rt\.) {_NUMBER}"),
    "clause": re.compile(rf"\b(?:[Cc]lauses?|[Cc]l\.) {_NUMBER}"),
    "case": re.compile(rf"\b({_NAME}) v(?:s?\.|s?) ({_NAME})"),
    "icd": re.compile(r"(?<![A-Za-z0-9])[A-TV-Z][0-9][0-9A-B]\.[0-9A-Z]{1,4}(?![0-9A-Za-z])"),
}
_FIRST_WORDS = re.compile(r"^(?:In|See|Cf|The|As|Under|Following|And|But|Like) ")
_LAST_WORDS = re.compile(r"(?: (?:of|the|and|The|In|It|A))+$")


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation where it stands."""

    kind: str
    key: tuple[str, ...]
    start: int
    end: int


def citations_in(folded: str) -> tuple[Citation, ...]:
    """Return the citations of a text that `fold` has made plain, in their order; none within another."""
    kept: list[Citation] = []
    for citation in sorted(_all_citations(folded), key=lambda one: (one.start, -one.end)):
        if not kept or citation.start >= kept[-1].end:
            kept.append(citation)
    return tuple(kept)


def _all_citations(folded: str) -> list[Citation]:
    """Return also those within another, such as a DOI in a link."""
    return [
        Citation(kind, _key(kind, match), *_span(kind, match))
        for kind, pattern in _PATTERNS.items()
        for match in pattern.finditer(folded)
    ]


def _span(kind: str, match: re.Match[str]) -> tuple[int, int]:
    if kind == "case":
        return match.start() + len(match[1]) - len(_first_party(match[1])), match.end()
    return match.span()


def _key(kind: str, match: re.Match[str]) -> tuple[str, ...]:
    if kind == "law":
        return (kind, match[1].casefold(), _article_number(match[2] or ""))
    if kind == "article_zh":
        return ("article", _article_number(match[1]))
    if kind == "case":
        return (kind, _first_party(match[1]).casefold(), _LAST_WORDS.sub("", match[2]).casefold())
    if kind in ("section", "article", "clause"):
        number = re.search(_NUMBER, match[0])
        return (kind, number[0].replace(" ", "") if number else "")
    return (kind, re.sub(r"\W", "", match[0]).casefold())


def _first_party(name: str) -> str:
    return _FIRST_WORDS.sub("", name)


def _article_number(text: str) -> str:
    if not text or text.isdigit():
        return text
    value = chinese_value(text) if not any(char.isascii() for char in text) else None
    return text if value is None else str(value)


class CitationIndex:
    """The citations of the sources."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._places: dict[tuple[str, ...], list[Evidence]] = {}
        self._names: dict[tuple[str, str], list[Evidence]] = {}
        for source in sources:
            for citation in _all_citations(source.folded):
                place = source.evidence(citation.start, citation.end)
                for key in _keys_of(citation):
                    self._places.setdefault(key, []).append(place)
                self._names.setdefault(citation.key[:2], []).append(place)  # type: ignore[arg-type]  # at least two

    def judge(self, citation: Citation) -> tuple[Verdict, tuple[Evidence, ...]]:
        if places := self._places.get(citation.key):
            return "found", first(iter(places))
        alike = self._names.get(citation.key[:2]) if len(citation.key) > 2 else None  # type: ignore[arg-type]
        return ("near", first(iter(alike))) if alike else ("absent", ())


def _keys_of(citation: Citation) -> Iterator[tuple[str, ...]]:
    """Yield all that a source's citation vouches for: 《民法典》第5条 for the law alone and for 第5条 too."""
    yield citation.key
    if citation.kind == "law":
        yield (*citation.key[:2], "")
        if citation.key[2]:
            yield ("article", citation.key[2])


def check_citations(reply: str, sources: Sequence[Source]) -> Iterator[Finding]:
    """Yield a finding for each citation of the reply."""
    citations = citations_in(fold(reply))
    index = CitationIndex(sources if citations else ())
    for citation in citations:
        verdict, places = index.judge(citation)
        text = reply[citation.start : citation.end]
        why: Why = "wording" if verdict == "near" else ""
        yield Finding("citation", verdict, citation.start, citation.end, text, why, places)
