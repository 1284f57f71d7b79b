"""Writes Markdown from the elements of a page as they begin and end. Knows no parser.

One paragraph is one line. What is nested without end costs no more than what is not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PARAGRAPHS = frozenset(
    {
        *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote"),
        *("hr", "figure", "article", "section", "main", "header", "footer", "aside", "address"),
        *("fieldset", "form", "details"),
    }
)
"""A blank line stands before and after them."""
_LINES = frozenset(
    {"div", "li", "dt", "dd", "tr", "caption", "figcaption", "summary", "center", "legend", "option"}
)
"""They begin on a line of their own."""
_SEPARATE = _LINES | _PARAGRAPHS
_HEADING = re.compile("h[1-6]")
_SPACES = re.compile("[ \t\n\r\f\v\xa0]+")
_MAX_DEPTH = 12
"""Of marks before a line: what is nested deeper is shown at this depth."""
_MAX_SPAN = 50


@dataclass(slots=True)
class _Block:
    """Lines being written: the page's, or those of a table's cell."""

    lines: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    """Before each line: of quotes and the items of lists, the outermost first."""
    bullet: str = ""
    """Stands once in place of the last mark."""
    lead: str = ""
    """Stands once after the marks."""
    counters: list[int | None] = field(default_factory=list)
    """The next number of each list that is open, None for bullets."""
    wants_blank: bool = False
    last_depth: int = 0

    def end_line(self) -> None:
        text = _SPACES.sub(" ", "".join(self.current)).strip()
        self.current.clear()
        if text:
            self.write(text)

    def end_paragraph(self) -> None:
        self.end_line()
        self.wants_blank = True

    def write(self, text: str) -> None:
        """Write a line with what stands before it; `text` may be indented."""
        marks = self.marks[:_MAX_DEPTH]
        if self.wants_blank and self.lines:
            self.lines.append("".join(marks[: self.last_depth]).rstrip())
        before = "".join(marks)
        if self.bullet:
            before = before.removesuffix(" " * len(self.bullet)) + self.bullet
        self.lines.append(f"{before}{self.lead}{text}".rstrip())
        self.bullet = self.lead = ""
        self.wants_blank = False
        self.last_depth = len(marks)


@dataclass(slots=True)
class _Table:
    """A table being read."""

    rows: list[list[list[str]]] = field(default_factory=list)
    """Each has its cells, each cell its lines."""
    span: int = 1
    """Of the cell that is open, in columns."""
    is_layout: bool = False
    """It holds another table, so its cells are shown one below the other."""

    def lines(self) -> list[str]:
        rows = [row for row in self.rows if any(row)]
        if self.is_layout or all(len(row) < 2 for row in rows):
            return [line for row in rows for cell in row for line in cell]
        shown = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
        return [shown[0], "|" + " --- |" * len(rows[0]), *shown[1:]]


class MarkdownWriter:
    """Takes `enter`, `add` and `leave` in document order, properly nested; `lines` gives the whole."""

    def __init__(self) -> None:
        self._blocks = [_Block()]
        """The page, then the cells that are open, the innermost last."""
        self._tables: list[_Table] = []
        self._pre: list[str] = []
        self._num_pre = 0

    @property
    def _block(self) -> _Block:
        return self._blocks[-1]

    def enter(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        if self._num_pre:
            self._enter_in_pre(tag)
            return
        self._separate(tag)
        block = self._block
        match tag:
            case "ul" | "ol":
                block.counters.append(_number(attributes.get("start")) if tag == "ol" else None)
            case "li":
                _enter_item(block, attributes.get("value"))
            case "blockquote":
                block.marks.append("> ")
            case "br":
                _break(block)
            case "hr":
                block.write("---")
                block.wants_blank = True
            case "dd":
                block.lead = ": "
            case "pre":
                self._num_pre = 1
            case "table" | "tr" | "td" | "th":
                self._enter_table_part(tag, attributes)
            case _ if _HEADING.fullmatch(tag):
                block.lead = "#" * int(tag[1]) + " "
            case _:
                pass

    def add(self, text: str) -> None:
        (self._pre if self._num_pre else self._block.current).append(text)

    def leave(self, tag: str) -> None:
        if self._num_pre:
            self._leave_in_pre(tag)
            return
        block = self._block
        match tag:
            case "td" | "th" if len(self._blocks) > 1:
                self._leave_cell()
                return
            case "table" if self._tables:
                self._leave_table()
                return
            case _:
                self._separate(tag)
        match tag:
            case "ul" | "ol":
                block.counters.pop()
            case "li":
                block.marks.pop()
                block.bullet = ""
            case "blockquote":
                block.marks.pop()
            case "dd":
                block.lead = ""
            case _ if _HEADING.fullmatch(tag):
                block.lead = ""
            case _:
                pass

    def lines(self) -> list[str]:
        self._block.end_line()
        return self._blocks[0].lines

    def _separate(self, tag: str) -> None:
        is_inner_list = tag in ("ul", "ol") and len(self._block.counters) > 1
        is_first_of_item = bool(self._block.bullet)
        if tag in _LINES or is_inner_list or (tag in _PARAGRAPHS and is_first_of_item):
            self._block.end_line()
        elif tag in _PARAGRAPHS:
            self._block.end_paragraph()

    def _enter_in_pre(self, tag: str) -> None:
        if tag == "pre":
            self._num_pre += 1
        elif tag == "br" or (tag in _SEPARATE and self._pre and not self._pre[-1].endswith("\n")):
            self._pre.append("\n")

    def _leave_in_pre(self, tag: str) -> None:
        self._num_pre -= tag == "pre"
        if not self._num_pre:
            text = re.sub("\r\n?", "\n", "".join(self._pre)).replace("\f", " ")
            self._pre.clear()
            if text.strip():
                marks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
                for line in (marks, *text.removeprefix("\n").rstrip().split("\n"), marks):
                    self._block.write(line)
            self._block.wants_blank = True

    def _enter_table_part(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        if tag == "table":
            for table in self._tables[-1:]:
                table.is_layout = True
            self._tables.append(_Table())
        elif self._tables and tag == "tr":
            self._tables[-1].rows.append([])
        elif self._tables:
            self._tables[-1].span = min(_number(attributes.get("colspan")), _MAX_SPAN)
            self._blocks.append(_Block())

    def _leave_cell(self) -> None:
        cell, table = self._blocks.pop(), self._tables[-1]
        cell.end_line()
        if not table.rows:
            table.rows.append([])
        table.rows[-1] += [cell.lines, *([[]] * (table.span - 1))]

    def _leave_table(self) -> None:
        lines = self._tables.pop().lines()
        self._block.end_paragraph()
        for line in lines:
            self._block.write(line)
        self._block.wants_blank = True


def _enter_item(block: _Block, value: str | None) -> None:
    block.bullet = "- "
    if block.counters and (following := block.counters[-1]) is not None:
        number = _number(value, following)
        block.bullet = f"{number}. "
        block.counters[-1] = number + 1
    block.marks.append(" " * len(block.bullet))


def _break(block: _Block) -> None:
    """End the line; where there is none, it is the second break of a gap between paragraphs."""
    if block.lead.startswith("#"):
        block.current.append(" ")
    elif any(piece.strip() for piece in block.current):
        block.end_line()
    else:
        block.current.clear()
        block.wants_blank = True


def _cell(lines: Sequence[str]) -> str:
    return " ".join(line for line in lines if line).replace("|", r"\|")


def _number(text: str | None, otherwise: int = 1) -> int:
    return int(text) if text and re.fullmatch("[0-9]{1,4}", text) else otherwise
