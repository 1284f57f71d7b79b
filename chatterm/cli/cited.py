"""Answers with the lines they rest on: behind each statement as it comes, and beside the rows of a table."""

from dataclasses import replace

from chatterm.checks.statements import Piece, StatementSplitter
from chatterm.cli.answer import AnswerWriter
from chatterm.tasks.citing import Cited
from chatterm.tasks.grounds import Grounds
from chatterm.tasks.views import View

_COLUMNS = {"en": ("lines", "source lines"), "zh": ("行", "原文行")}


class CitedAnswer:
    """Holds a statement back until it ends, and writes it with its mark through another writer."""

    def __init__(self, writer: AnswerWriter, grounds: Grounds, lang: str, *, is_markdown: bool) -> None:
        """`is_markdown`: the writer renders Markdown, which the marks are none of."""
        self._writer = writer
        self._grounds = grounds
        self._lang = lang
        self._is_markdown = is_markdown
        self._splitter = StatementSplitter()
        self._num_chars = 0
        """How much of the reply was written."""

    def write(self, text: str) -> None:
        for piece in self._splitter.feed(text):
            self._write(piece)

    def close(self) -> None:
        for piece in self._splitter.close():
            self._write(piece)
        self._writer.close()

    def _write(self, piece: Piece) -> None:
        text = piece.text
        if piece.statement:
            start, end = (place - self._num_chars for place in piece.statement)
            text = f"{text[:end]} {self._mark(text[start:end])}{text[end:]}"
        self._num_chars += len(piece.text)
        self._writer.write(text)

    def _mark(self, statement: str) -> str:
        support = self._grounds.cite(statement)
        return self._grounds.mark(support, self._lang, is_markdown=self._is_markdown)


def with_lines(view: View, cited: Cited, lang: str) -> View:
    """Return the view of an answer in JSON with its lines: in a column of a list, else behind each value.

    Row N is item N of a list.
    """
    by_path = {one.path: one.support for one in cited.sources if one.path}
    if any(isinstance(path[0], int) for path in by_path):
        name = next(one for one in _COLUMNS.get(lang, _COLUMNS["en"]) if one not in view.columns)
        found = [by_path.get((row,)) for row in range(len(view.rows))]
        texts = [cited.grounds.lines(one, lang) if one else "" for one in found]
        rows = tuple((*row, text) for row, text in zip(view.rows, texts, strict=True))
        return replace(view, columns=(*view.columns, name), rows=rows)
    marks: dict[str, dict[str, None]] = {}
    for path, support in by_path.items():
        marks.setdefault(str(path[0]), {})[cited.grounds.mark(support, lang)] = None
    row = tuple(
        " ".join([text, *marks.get(name, ())])
        for name, text in zip(view.columns, view.rows[0] if view.rows else (), strict=False)
    )
    return replace(view, rows=(row, *view.rows[1:]))
