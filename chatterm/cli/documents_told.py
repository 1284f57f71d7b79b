"""Tells what was read: a line for each document on stderr, an object for each in JSON."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from chatterm.cli.report import Report
from chatterm.conversation import Document, Message
from chatterm.documents.about import about, reading_report
from chatterm.documents.places import pages_of
from chatterm.engine.base import Engine, TokenCount
from chatterm.tasks.reading.budget import token_counter

_SAMPLE_CHARS = 50_000
"""A text of three samples or less is counted, a longer one by its beginning, middle and end."""


def tell_of(documents: Sequence[Document], engine: Engine, report: Report, *, is_dry_run: bool) -> None:
    """Say what was read: to a person, and to whoever asks what would be sent."""
    if not (report.is_for_person or is_dry_run):
        return
    lines = reading_report(documents)
    if len(lines) == len(documents):
        lines = tuple(f"{one.name}: {about(one)}, {_tokens_text(engine, one)}" for one in documents)
    for line in lines:
        report.notice(line)


def document_objects(documents: Sequence[Document], engine: Engine) -> list[dict[str, Any]]:
    """Return what `--json` says of what was read; the digest is of the text in UTF-8, as it was read."""
    return [_object(document, _count(engine, document.text)) for document in documents]


def _object(document: Document, count: TokenCount) -> dict[str, Any]:
    return {
        "name": document.name,
        "bytes": document.num_bytes,
        "pages": len(pages_of(document.text)) or None,
        "lines": document.num_lines,
        "tokens": count.tokens,
        "is_exact": count.is_exact,
        "sha256": sha256(document.text.encode(errors="replace")).hexdigest(),
    }


def _tokens_text(engine: Engine, document: Document) -> str:
    count = _count(engine, document.text)
    return f"{'' if count.is_exact else 'about '}{count.tokens:,} tokens"


def _count(engine: Engine, text: str) -> TokenCount:
    """Count the tokens of a text, without what the chat template adds; a long one is estimated."""
    starts = [0, (len(text) - _SAMPLE_CHARS) // 2, len(text) - _SAMPLE_CHARS]
    is_long = len(text) > len(starts) * _SAMPLE_CHARS
    samples = [text[start : start + _SAMPLE_CHARS] for start in starts] if is_long else [text]
    tokens = sum(map(token_counter(engine), samples))
    if is_long:
        return TokenCount(round(tokens * len(text) / sum(map(len, samples))), is_exact=False)
    return TokenCount(tokens, is_exact=engine.count([Message("user", "a")]).is_exact)
