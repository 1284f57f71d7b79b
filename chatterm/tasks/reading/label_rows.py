"""The answer of a prompt for labels to many texts: a row for each, with its lines. Pure."""

import json
from collections.abc import Sequence

from chatterm.documents.chunks import Chunk
from chatterm.documents.places import line_span
from chatterm.prompts.output import Computation, OutputSpec
from chatterm.prompts.schema import BY_CODE
from chatterm.session.scoring import Scored
from chatterm.tasks.reading.events import Partial

LINES = "lines"
"""The field of an item that says which lines of the document it is of."""

LABEL_ROWS = OutputSpec(
    format="json",
    schema={
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                LINES: {"type": "string", BY_CODE: True},
                "text": {"type": "string", BY_CODE: True},
                "label": {"type": ["string", "array"], "items": {"type": "string"}},
                "probability": {"type": "number", BY_CODE: True},
                "unsure": {"type": "boolean", BY_CODE: True},
            },
            "required": [LINES, "text", "label"],
        },
    },
    computed={"labels": Computation("shares", ("label",)), "unsure rows": Computation("count", ("unsure",))},
    view="table",
)
"""What a row has. `text` is the beginning of the lines; `label` a list where several may apply; `unsure`
stands only where it is true; a label that was not scored has no probability. Totals are of the rows.
"""

_TEXT_CHARS = 60


def lines_text(chunk: Chunk, *, names_document: bool = False) -> str:
    """Return `12-14`, or `report.txt:12-14`: the lines of a part, for a field of the answer."""
    span = line_span(chunk.first_line, chunk.last_line)
    return f"{chunk.name}:{span}" if names_document else span


def scored_part(scored: Scored, *, is_multi: bool) -> str:
    """Return what is kept of a scored part, as JSON: the fields of its row that are not the chunk's."""
    likeliest = max(score.probability for score in scored.scores)
    found: dict[str, object] = {
        "label": list(scored.chosen) if is_multi else scored.text,
        "probability": round(likeliest, 4),
    }
    return json.dumps(found | ({"unsure": True} if scored.is_unsure else {}), ensure_ascii=False)


def label_reply(partials: Sequence[Partial]) -> str:
    """Return the answer as JSON, a row for each part that did not fail; `LABEL_ROWS` says how it is shown."""
    names_document = len({partial.chunk.document for partial in partials}) > 1
    rows = [_row(partial, names_document=names_document) for partial in partials if not partial.is_failed]
    return json.dumps(rows, ensure_ascii=False)


def _row(partial: Partial, *, names_document: bool) -> dict[str, object]:
    text = " ".join(partial.chunk.text.split())
    shown = text if len(text) <= _TEXT_CHARS else f"{text[: _TEXT_CHARS - 1]}…"
    return {
        LINES: lines_text(partial.chunk, names_document=names_document),
        "text": shown,
        **_scored(partial.text),
    }


def _scored(text: str) -> dict[str, object]:
    """Read what `scored_part` wrote; the text itself is the label where an engine that tells no probabilities
    wrote it.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) and "label" in found else {"label": text.strip()}
