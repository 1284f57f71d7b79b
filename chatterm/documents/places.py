"""How a place in a document is said: `page 3, lines 5-7`; in a mark `p. 3:5-7`. The one owner of these words.

A form feed at the start of a line begins a new page, as pdftotext writes it and as the RFCs have it; a text
without one has no pages. Lines are counted from 1, in the whole text; a place on a page is said by the lines
of that page.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

_PAGE_START = re.compile(r"^\f++(?!\Z)", re.MULTILINE)
"""Marks that nothing at all follows end the last page: pdftotext writes one after every page."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the pages of one text begin."""

    first_lines: tuple[int, ...]
    """Of each page, from 1, in order; equal where pages are empty. Empty: the text has no pages."""

    def __len__(self) -> int:
        return len(self.first_lines)

    def page_of(self, line: int) -> int | None:
        """Return the page that `line` stands on, from 1, or None where the text has no pages."""
        return bisect_right(self.first_lines, line) or None

    def place(self, first_line: int, last_line: int, *, lang: str = "en") -> str:
        """Say where these lines stand: `lines 5-7`, `page 3, lines 5-7`, `第5-7行`, `第3页第5-7行`."""
        first, last = self.page_of(first_line), self.page_of(last_line)
        if first is None or last is None:
            return _lines(first_line, last_line, lang)
        from_line, to_line = self._on_page(first, first_line), self._on_page(last, last_line)
        if first == last:
            return _page(first, lang) + _lines(from_line, to_line, lang)
        return _across((first, from_line), (last, to_line), lang)

    def mark(self, first_line: int, last_line: int, *, lang: str = "en") -> str:
        """Say it as short as a mark behind a statement: `5-7`, `p. 3:5-7`, `p. 3:5-p. 4:2`, `第3页:5-7`."""
        first, last = self.page_of(first_line), self.page_of(last_line)
        if first is None or last is None:
            return line_span(first_line, last_line)
        from_line, to_line = self._on_page(first, first_line), self._on_page(last, last_line)
        if first == last:
            return f"{_page_mark(first, lang)}:{line_span(from_line, to_line)}"
        return f"{_page_mark(first, lang)}:{from_line}-{_page_mark(last, lang)}:{to_line}"

    def _on_page(self, page: int, line: int) -> int:
        return line - self.first_lines[page - 1] + 1


def pages_of(text: str) -> Pages:
    """Find the pages of `text`. To be kept where many places of one text are said: it reads all of it."""
    if "\f" not in text:  # most have none, and looking for the starts of lines takes long
        return Pages(())
    starts = [1]
    line, place = 1, 0
    for found in _PAGE_START.finditer(text):
        line += text.count("\n", place, found.start())
        place = found.start()
        starts += [line] * len(found[0])
    return Pages(tuple(starts) if len(starts) > 1 else ())


def line_span(first: int, last: int) -> str:
    """Return `12` or `12-14`."""
    return f"{first}" if first == last else f"{first}-{last}"


def without_page_marks(text: str) -> str:
    """Return `text` as a model or a person sees it: no form feed in it, its lines as they were."""
    return text.replace("\f", "")


def _is_chinese(lang: str) -> bool:
    return lang.partition("-")[0] == "zh"


def _page(page: int, lang: str) -> str:
    return f"第{page:,}页" if _is_chinese(lang) else f"page {page:,}, "


def _page_mark(page: int, lang: str) -> str:
    return f"第{page}页" if _is_chinese(lang) else f"p. {page}"


def _lines(first: int, last: int, lang: str) -> str:
    span = f"{first:,}" if first == last else f"{first:,}-{last:,}"
    if _is_chinese(lang):
        return f"第{span}行"
    return f"line {span}" if first == last else f"lines {span}"


def _across(first: tuple[int, int], last: tuple[int, int], lang: str) -> str:
    if _is_chinese(lang):
        return f"第{first[0]:,}页第{first[1]:,}行至第{last[0]:,}页第{last[1]:,}行"
    return f"page {first[0]:,}, line {first[1]:,} to page {last[0]:,}, line {last[1]:,}"
