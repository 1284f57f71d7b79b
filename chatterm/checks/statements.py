"""Cuts a reply into statements, sentence by sentence and item by item, while it is being written.

A statement is a sentence, a list item's sentence, or a row of a table: what claims something. Headings, code,
rules, a table's head, questions and what only leads on to a list ("Key points:") claim nothing. Whatever the
pieces a text comes in, the statements are the same.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from chatterm.checks.tokens import is_han
from chatterm.lexicon import ends_in_abbreviation
from chatterm.sanitize import num_cells

_Kind = Literal["rule", "fence", "table", "text", "other"]

_MAX_STATEMENT = 1500
"""In characters; what goes on longer is cut there, so that little is held back."""
_MAX_SPACES = 100
_STEP = 4096
_MAX_MARKS = 200
_MAX_ROW = 4000
_ROOM = _MAX_STATEMENT + 2 * _MAX_SPACES
_SHORT_LINE = 50
"""In columns. A line that ends earlier was ended on purpose; a longer one may have been wrapped."""

_HAN_DIGITS = "一二三四五六七八九十"
_MARKS = re.compile(rf"[ \t\f\r>\-*+•·#`~|_=:0-9.)(（）、．{_HAN_DIGITS}]*")
"""What a line may begin with before its first word; until that is there, its kind is open."""
_FENCE = re.compile(r" {0,3}(?:[-*+] |[0-9]{1,3}[.)] )? {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|\Z)")
_RULE = re.compile(r"[ \t]*(?:(?:[-*_=][ \t]*){3,}|(?=[^-]*-)[|:\- \t]+)\r?\Z")
_IN_FENCE = re.compile(r"[ \t]*([`~]*)[ \t]*\r?")
_INDENT = re.compile(
    r"[ \t\f]*(?:>[ \t]?)*[ \t]*"
    r"(?:(?:[-*+•·][ \t]+|[0-9]{1,3}[.)][ \t]+|[0-9]{1,3}(?:、|．)|[(（][0-9]{1,3}[)）][ \t]*"
    rf"|[{_HAN_DIGITS}]{{1,3}}、|[(（][{_HAN_DIGITS}]{{1,3}}[)）])(?:\[[ xX]\][ \t]+)?)?"
)
_CLOSERS = "\"'”’»)\\]）】」』*_`"
_END = re.compile(rf"\n|[。！？]+[。！？{_CLOSERS}]*|(?:[.!?]+|…+)[.!?…{_CLOSERS}]*")
_TITLE = re.compile(r"(\*\*|__)(?:(?!\1).)+(?<![.!。！])\1\Z", re.DOTALL)
_TITLE_WORD = re.compile(r"[*_]*[^\W\d_]+")
"""Of a clause: what it is called, before what it says."""
_NOTE = re.compile(r"\[[^\]]*\]\Z|(?:Not read|未读)\s*[:：]")
_SMALL_TALK = re.compile(
    r"(?:yes|no|ok(?:ay)?|sure|certainly|of course|thank(?:s| you)|是的?|好的?|不是|没有|当然)[.!,。！，]*\Z",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the reply; all of them joined are the reply."""

    text: str
    statement: tuple[int, int] | None = None
    """Where the statement stands in the reply that ends with this piece."""


def statements(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the statements of a whole reply stand, without list marks and spaces around them."""
    for piece in pieces([text]):
        if piece.statement:
            yield piece.statement


def pieces(texts: Iterable[str]) -> Iterator[Piece]:
    """Yield a reply that comes in parts as pieces that end where a statement does."""
    splitter = StatementSplitter()
    for text in texts:
        for start in range(0, len(text), _STEP):
            yield from splitter.feed(text[start : start + _STEP])
    yield from splitter.close()


class StatementSplitter:
    """Takes a reply as it comes, and gives it back in pieces that end where a statement does.

    It holds back no more than a statement, a row of a table, or the marks at the beginning of a line.
    """

    def __init__(self) -> None:
        self._held = ""
        self._base = 0
        """Where what is held begins in the reply."""
        self._column = 0
        """How wide the part of the line is that was given away before."""
        self._place: Literal["line", "text", "rest"] = "line"
        """What is held begins at a line's start, goes on a line of text, or one that is passed through."""
        self._fence = ""
        self._has_rows = False
        self._is_last = False

    def feed(self, text: str) -> Iterator[Piece]:
        """Take more of the reply, and yield what is certain."""
        self._held += text
        while self._held and (piece := self._next()):
            yield piece

    def close(self) -> Iterator[Piece]:
        """Yield what is held: the reply has ended."""
        self._is_last = True
        yield from self.feed("")

    def _next(self) -> Piece | None:
        """Return the next piece; None while it depends on what comes."""
        if self._place == "rest":
            return self._rest_of_line()
        if self._place == "text":
            return self._sentence(0)
        kind = self._kind_at(0)
        if kind not in ("table", "rule"):
            self._has_rows = False
        match kind:
            case None:
                return None
            case "text":
                return self._sentence(_indent(self._held, 0))
            case "table":
                return self._row()
            case "fence":
                found = _FENCE.match(self._held)
                self._fence = found[1] if found and not self._fence else ""
        return self._rest_of_line()

    def _give(self, end: int, statement: tuple[int, int] | None = None) -> Piece:
        text, self._held = self._held[:end], self._held[end:]
        found = statement and (self._base + statement[0], self._base + statement[1])
        self._base += end
        line = text.rfind("\n") + 1
        self._column = num_cells(text[line:]) + (0 if line else self._column)
        if text.endswith("\n"):
            self._place = "line"
        return Piece(text, found)

    def _rest_of_line(self) -> Piece:
        self._place = "rest"
        return self._give(self._held.find("\n") + 1 or len(self._held))

    def _row(self) -> Piece | None:
        """Take a row of a table; the first is its head where a rule follows."""
        end = self._held.find("\n")
        if end < 0 and not self._is_last and len(self._held) <= _MAX_ROW:
            return None
        row = self._held[: end if end >= 0 else len(self._held)]
        below = (
            self._kind_at(end + 1) if end >= 0 and not self._has_rows and len(row) <= _MAX_ROW else "other"
        )
        if below is None:
            return None
        self._has_rows = True
        inner = row.strip(" \t\r|")
        start = row.find(inner)
        if below == "rule" or len(row) > _MAX_ROW or not _WORD.search(inner):
            return self._rest_of_line()
        self._place = "rest"
        return self._give(start + len(inner), (start, start + len(inner)))

    def _sentence(self, place: int) -> Piece | None:
        """Take what is held up to the end of its first sentence, or of the line."""
        held = self._held
        start = place
        while held[start : start + 1] != "\n" and held[start : start + 1].isspace():
            start += 1
        if start == len(held) or held[start] == "\n":
            return self._space(start)
        end = self._end_of_sentence(start)
        if end is None:
            return None
        self._place = "text"
        text = held[start:end].rstrip()
        return self._give(end, (start, start + len(text)) if _claims(text) else None)

    def _space(self, end: int) -> Piece | None:
        """Take what ends a line of text."""
        if end == len(self._held) and not self._is_last and end <= _MAX_SPACES:
            return None
        self._place = "text"
        return self._give(min(end + 1, len(self._held)))

    def _end_of_sentence(self, start: int) -> int | None:
        """Return where the sentence that starts at `start` ends, a line's end not included."""
        held, place = self._held, start
        while found := _END.search(held, place, start + _ROOM):
            if found.start() - start > _MAX_STATEMENT:
                return _cut(held, start)
            if found.end() == len(held) and found[0] != "\n" and not self._is_last:
                return None  # more marks may follow
            is_end = self._judge(start, found)
            if is_end is None:
                return None
            if is_end:
                return found.start() if found[0] == "\n" else found.end()
            place = found.end()
        if len(held) >= start + _ROOM:
            return _cut(held, start)
        return len(held) if self._is_last else None

    def _judge(self, start: int, found: re.Match[str]) -> bool | None:
        """Return whether a sentence ends at a mark or at a line's end; None: what comes next tells."""
        if found[0] == "\n":
            return self._judge_line_end(start, found.start())
        if found[0][0] in "。！？":
            return True
        after = found.end()
        while self._held[after : after + 1] in (" ", "\t", "\r") and after - found.end() < _MAX_SPACES:
            after += 1
        if after == len(self._held):
            return True if self._is_last else None
        return _is_stop(self._held, start, found, after)

    def _judge_line_end(self, start: int, end: int) -> bool | None:
        """A line goes on below where it is long enough to have been wrapped, and text follows."""
        held = self._held
        line = held.rfind("\n", 0, end) + 1
        width = num_cells(held[line:end]) + (0 if line else self._column)
        if width < _SHORT_LINE or held[start:end].removesuffix("\r").endswith("  "):
            return True
        kind = self._kind_at(end + 1)
        if kind is None:
            return None
        return kind != "text" or bool(held[end + 1 : _indent(held, end + 1)].strip())

    def _kind_at(self, start: int) -> _Kind | None:
        """Return what the line at `start` is; None while that is open."""
        text = self._held[start : start + 2 * _MAX_MARKS]
        marks = _IN_FENCE.match(text) if self._fence else _MARKS.match(text)
        length = marks.end() if marks else 0
        if length > _MAX_MARKS:
            return "other"
        if length == len(text) and not self._is_last:
            return None
        is_whole = text[length : length + 1] in ("", "\n")
        if self._fence:
            is_end = is_whole and marks is not None and set(marks[1]) == {self._fence[0]}
            return "fence" if is_end and marks and len(marks[1]) >= len(self._fence) else "other"
        if is_whole and (not text[:length].strip() or _RULE.match(text[:length])):
            return "rule" if text[:length].strip() else "other"
        return _kind_by_marks(text)


def _kind_by_marks(text: str) -> _Kind:
    if _FENCE.match(text):
        return "fence"
    if _HEADING.match(text):
        return "other"
    return "table" if text.lstrip(" \t").startswith("|") else "text"


def _indent(text: str, start: int) -> int:
    """Return where a line's text begins, behind the marks of quotes and lists."""
    found = _INDENT.match(text, start)
    return found.end() if found else start


def _cut(text: str, start: int) -> int:
    space = text.rfind(" ", start + 1, start + _MAX_STATEMENT)
    return space if space > start else start + _MAX_STATEMENT


def _is_stop(text: str, start: int, found: re.Match[str], after: int) -> bool:
    """Return whether a sentence ends at a full stop, an ellipsis, `!` or `?`, by what stands at `after`."""
    is_abbreviation = found[0] == "." and ends_in_abbreviation(text, start, found.end())
    if text[after] == "\n":
        return not is_abbreviation
    if found[0] == "." and _TITLE_WORD.fullmatch(text, start, found.start()):
        return False  # Term. The lease begins ...
    if after == found.end():
        return found[0][0] in "!?" and is_han(text[after])
    return not (is_abbreviation or text[after].islower())


def _claims(text: str) -> bool:
    plain = text.rstrip(f"{_CLOSERS} ")
    if not _WORD.search(text) or plain.endswith((":", "：", "?", "？")):
        return False
    return not (_TITLE.match(text) or _NOTE.match(text) or _SMALL_TALK.match(text))
