"""Cuts documents into chunks by their structure, each with its lines and its title path.

A chunk is whole lines of one document, as they stand there. No fence, table or formula is cut that fits a
chunk; what is longer than a chunk is cut at its rows or lines, then at the ends of sentences, then at spaces.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

from chatterm.conversation import Document
from chatterm.documents.sentences import sentence_ends
from chatterm.documents.structure import Block, blocks, row_ends, shape_of
from chatterm.documents.units import Unit, unit_spans
from chatterm.errors import DoesNotFit

_MAX_OVERLAP = 240
"""Characters of the sentence before a chunk that are shown with it; a longer one is left out."""
_FILLED = 0.5
"""A chunk that is this full ends rather before a heading than behind it."""
_MAX_HEAD = 0.5
"""A table's head that takes more of a chunk than this is not repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A part of one document."""

    document: int
    """Which of the documents, from 0."""
    name: str
    """The document's."""
    text: str
    """As it stands in the document."""
    first_line: int
    """From 1."""
    last_line: int
    title_path: tuple[str, ...] = ()
    """The headings it stands under, the outermost first; not those that it begins with."""
    head: str = ""
    """What is needed to understand it and stands before it: a table's head, or the last sentence."""

    @property
    def content(self) -> str:
        """What is read of it: the head, then the text."""
        return f"{self.head}\n{self.text}" if self.head else self.text


def cut(
    documents: Sequence[Document],
    count: Callable[[str], int],
    limit: int,
    unit: Unit | None = None,
    *,
    has_overlap: bool = True,
) -> tuple[Chunk, ...]:
    """Cut into chunks whose contents are at most `limit` tokens by `count`, in order.

    Every line that is not blank is in exactly one chunk, but one that is longer than a chunk, which is in
    several. With a `unit` there is a chunk for each of these, or several where it is too long. Without
    overlap the sentence before a chunk is not its head: what is said of each is then said once.
    Raises DoesNotFit where `limit` does not hold a single word.
    """
    return tuple(
        chunk
        for number, document in enumerate(documents)
        for chunk in _Cutter(number, document, count, limit, has_overlap=has_overlap).chunks(unit)
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is not cut if it can be helped: characters of the text, and the block they are of."""

    start: int
    end: int
    block: Block
    path: tuple[str, ...]
    parts: tuple["_Piece", ...] = ()
    """Of a unit: the pieces it is made of."""

    @property
    def is_heading(self) -> bool:
        return self.block.kind == "heading"

    @property
    def can_be_cut(self) -> bool:
        """Whether its beginning may go with a heading without its end."""
        return not self.is_heading and self.end - self.start > 1


class _Cutter:
    """Cuts one document. Counts seldom: it foresees tokens by the characters of those counted before."""

    def __init__(
        self,
        number: int,
        document: Document,
        count: Callable[[str], int],
        limit: int,
        *,
        has_overlap: bool,
    ) -> None:
        self._number = number
        self._document = document
        self._text = document.text
        self._count = count
        self._limit = limit
        self._has_overlap = has_overlap
        self._lines = document.text.split("\n")
        self._starts = _line_starts(self._lines)
        self._table_heads: dict[int, str] = {}
        """By their first line; empty where one is too long to be repeated."""
        self._tokens_per_char = 0.3
        sample = document.text[:4000]
        if sample.strip():
            self._learn(sample, self._count(sample))

    def chunks(self, unit: Unit | None) -> Iterator[Chunk]:
        found = blocks(self._lines, shape_of(self._document.name))
        pieces = _with_paths(found, self._starts)
        if unit is None:
            yield from self._packed(pieces)
            return
        place = 0
        for first, end in unit_spans(self._lines, found, unit):
            while pieces[place].block.end <= first:
                place += 1
            yield from self._packed([self._of_unit(pieces, place, first, end)])

    def _of_unit(self, pieces: Sequence[_Piece], place: int, first: int, end: int) -> _Piece:
        """Return a unit as one piece, made of what it holds of the blocks."""
        start, stop = self._starts[first], self._starts[end] - 1
        parts = tuple(
            replace(piece, start=max(start, piece.start), end=min(stop, piece.end))
            for piece in takewhile(
                lambda piece: piece.block.first < end, (pieces[at] for at in range(place, len(pieces)))
            )
        )
        return replace(parts[0], start=start, end=stop, parts=parts)

    def _packed(self, pieces: Sequence[_Piece]) -> Iterator[Chunk]:
        waiting = list(reversed(pieces))
        before: _Piece | None = None
        while waiting:
            taken = self._take(waiting, before)
            chunk = self._chunk(taken, before)
            while self._tokens(chunk) > self._limit:
                if len(taken) > 1:
                    num_kept = max(1, min(len(taken) - 1, int(len(taken) * 0.8)))
                    waiting += reversed(taken[num_kept:])
                    taken = taken[:num_kept]
                elif chunk.head and not self._is_table_row(taken[0]):
                    before = None
                else:
                    waiting += reversed(self._refined(taken[0]))
                    taken = self._take(waiting, before)
                chunk = self._chunk(taken, before)
            if chunk.text.strip():
                yield chunk
            before = taken[-1]

    def _take(self, waiting: list[_Piece], before: _Piece | None) -> list[_Piece]:
        """Take as many pieces as look as if they fit, not ending with a heading, nor far behind one."""
        taken = [waiting.pop()]
        head = len(self._head(taken[0], before))
        while waiting and self._foreseen(head + waiting[-1].end - taken[0].start) <= 0.95 * self._limit:
            is_filled = self._foreseen(taken[-1].end - taken[0].start) >= _FILLED * self._limit
            if waiting[-1].is_heading and is_filled and not taken[-1].is_heading:
                break
            taken.append(waiting.pop())
        while waiting and taken[-1].is_heading and not all(piece.is_heading for piece in taken):
            waiting.append(taken.pop())
        if waiting and taken[-1].is_heading and waiting[-1].can_be_cut:
            first, *rest = self._refined(waiting.pop())  # too long to go with its heading whole
            waiting += reversed(rest)
            taken.append(first)
        return taken

    def _foreseen(self, num_chars: int) -> float:
        return num_chars * self._tokens_per_char

    def _tokens(self, chunk: Chunk) -> int:
        """Count, but what is far too long, which would take long."""
        foreseen = self._foreseen(len(chunk.content))
        if foreseen > 4 * self._limit:
            return int(foreseen) + 1
        num_tokens = self._count(chunk.content)
        self._learn(chunk.content, num_tokens)
        return num_tokens

    def _learn(self, text: str, num_tokens: int) -> None:
        if len(text) >= 40:
            self._tokens_per_char = max(num_tokens, 1) / len(text)

    def _refined(self, piece: _Piece) -> list[_Piece]:
        """Cut a piece that is too long: into its blocks, rows, lines or sentences, else anywhere."""
        if len(piece.parts) > 1:
            return list(piece.parts)
        first, end = self._line_of(piece.start), self._line_of(piece.end - 1) + 1
        ends: Sequence[int] = ()
        if piece.block.kind == "table":
            ends = [self._starts[at] for at in row_ends(self._lines, first, end)]
        if len(ends) < 2:
            ends = self._starts[first + 1 : end + 1]
        if len(ends) < 2:
            ends = [piece.start + at for at in sentence_ends(self._text[piece.start : piece.end])]
        if len(ends) < 2:
            ends = self._slices(piece)
        edges = [piece.start, *ends[:-1], piece.end]
        spans = (self._without_blank_lines(*span) for span in pairwise(edges))
        return [replace(piece, start=start, end=end, parts=()) for start, end in spans if start < end]

    def _without_blank_lines(self, start: int, end: int) -> tuple[int, int]:
        text = self._text[start:end]
        if not text.strip():
            return start, start
        return end - len(text.lstrip("\n")), start + len(text.rstrip("\n"))

    def _slices(self, piece: _Piece) -> list[int]:
        """Return where to cut a text without sentences: at spaces where there are any."""
        length = piece.end - piece.start
        if length < 2:
            num_tokens = self._count(self._text[piece.start : piece.end])
            advice = "a context so short leaves no room to read a document in parts; use a longer --ctx"
            raise DoesNotFit(num_tokens, self._limit, advice)
        step = max(1, min(length // 2, int(0.9 * self._limit / self._tokens_per_char)))
        ends = [piece.start]
        while ends[-1] + step < piece.end:
            end = ends[-1] + step
            space = self._text.rfind(" ", end - step // 4, end)
            ends.append(space + 1 if space > ends[-1] else end)
        return [*ends[1:], piece.end]

    def _chunk(self, pieces: Sequence[_Piece], before: _Piece | None) -> Chunk:
        start, end = pieces[0].start, pieces[-1].end
        text = self._text[start:end]
        lead, trail = len(text) - len(text.lstrip("\n\f")), len(text) - len(text.rstrip())
        text = text[lead : len(text) - trail]
        return Chunk(
            document=self._number,
            name=self._document.name,
            text=text,
            first_line=self._line_of(start + lead) + 1,
            last_line=self._line_of(max(start + lead, end - trail - 1)) + 1,
            title_path=pieces[0].path,
            head=self._head(pieces[0], before),
        )

    def _head(self, piece: _Piece, before: _Piece | None) -> str:
        if self._is_table_row(piece):
            return self._table_head(piece.block)
        if not self._has_overlap:
            return ""
        is_next = before is not None and before.path == piece.path and not piece.is_heading
        if before is None or not is_next or before.block.kind not in ("paragraph", "item"):
            return ""
        return self._last_sentence(before)

    def _table_head(self, table: Block) -> str:
        if table.first not in self._table_heads:
            start, end = self._starts[table.first], self._starts[table.first + table.num_head_lines]
            head = self._text[start:end].rstrip()
            is_short = (
                self._foreseen(len(head)) <= self._limit and self._count(head) <= _MAX_HEAD * self._limit
            )
            self._table_heads[table.first] = head if is_short else ""
        return self._table_heads[table.first]

    def _is_table_row(self, piece: _Piece) -> bool:
        """Whether a piece is part of a table without the head."""
        block = piece.block
        if (
            block.kind != "table"
            or not block.num_head_lines
            or block.first + block.num_head_lines >= block.end
        ):
            return False
        return piece.start >= self._starts[block.first + block.num_head_lines]

    def _last_sentence(self, piece: _Piece) -> str:
        start = self._starts[piece.block.first]
        tail = self._text[max(start, piece.end - 2 * _MAX_OVERLAP) : piece.end].rstrip()
        ends = [0, *sentence_ends(tail)]
        sentence = tail[ends[-2] :].strip() if len(ends) > 1 else ""
        return " ".join(sentence.split()) if len(sentence) <= _MAX_OVERLAP else ""

    def _line_of(self, place: int) -> int:
        """Return the index of the line that holds a character."""
        return bisect_right(self._starts, place) - 1


def _line_starts(lines: Sequence[str]) -> list[int]:
    """Return where each line starts, and where one behind the last would."""
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    return [*starts, at]


def _with_paths(found: Sequence[Block], starts: Sequence[int]) -> list[_Piece]:
    """Give each block its characters and the headings above it."""
    pieces: list[_Piece] = []
    above: list[Block] = []
    for block in found:
        if block.kind == "heading":
            above = [one for one in above if one.level < block.level]
        path = tuple(one.title for one in above if one.title)
        pieces.append(_Piece(starts[block.first], starts[block.end] - 1, block, path))
        if block.kind == "heading":
            above.append(block)
    return pieces
