"""What reading a document in parts would mean: how, how many parts, how long. Blocking: for a thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatterm.conversation import Document, ModelCard, Usage
from chatterm.engine.base import Engine
from chatterm.store import ConversationStore
from chatterm.tasks.reading.words import duration_text

if TYPE_CHECKING:
    from chatterm.documents.units import Unit
    from chatterm.tasks.reading.plan import Reading
    from chatterm.tasks.reading.steps import Strategy

_PIECE_CHARS = 50_000
_MAX_PIECES = 4
"""Of each document so much is counted; of a longer one the rest is taken to be like it."""
_LOOSELY = 1.4
"""So many times as many parts come of cutting by structure as would be full."""
_BESIDE = 3
"""So many replies are taken to be written in the time of one, since parts go to the engine in batches."""
_LATELY = 5
"""So many conversations are looked through for how fast the model is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsOffer:
    """What is told before documents are read in parts."""

    strategy: "Strategy"
    num_tokens: int
    """Of the documents, about."""
    num_read: int
    """Of them the model reads so many."""
    num_parts: int
    """About; of units, which can only be counted by cutting, it is not told."""
    unit: "Unit | None" = None
    seconds: float | None = None
    """None where nothing tells how fast the model is."""


def offer_of(reading: "Reading", engine: Engine, store: ConversationStore) -> PartsOffer:
    """Return what `reading` means. Raises ChattermError."""
    documents = reading.question.documents
    num_tokens = num_tokens_of(documents, engine)
    is_partial = reading.strategy == "retrieve"
    num_read = min(num_tokens, reading.limit) if is_partial else num_tokens
    num_parts = 1 if is_partial else max(1, round(_LOOSELY * num_tokens / reading.limit))
    seconds = None if reading.unit else _seconds(reading, num_read, num_parts, engine.describe(), store)
    return PartsOffer(
        strategy=reading.strategy,
        num_tokens=num_tokens,
        num_read=num_read,
        num_parts=num_parts,
        unit=reading.unit,
        seconds=seconds,
    )


def offer_text(offer: PartsOffer) -> str:
    """Say what the model would read, and how."""
    parts = f"{_roughly(offer.num_parts):,} part{'' if offer.num_parts == 1 else 's'}"
    match offer.strategy:
        case "retrieve":
            share = f"some {_roughly(offer.num_read):,} of {_roughly(offer.num_tokens):,} tokens"
            told = f"the lines the question is about, {share}"
        case "map" if offer.unit:
            told = f"all of it, {offer.unit} by {offer.unit}, each answered by itself"
        case "map":
            told = f"all of it in some {parts}, each answered by itself"
        case "refine":
            told = f"all of it in some {parts}, one after another"
        case _:
            told = f"all of it in some {parts}, and combines what they say"
    return told if offer.seconds is None else f"{told}, about {duration_text(offer.seconds)}"


def _roughly(number: int) -> int:
    """Return the number with no more digits than are known of it: two."""
    return round(number, 2 - len(str(number)))


def num_tokens_of(documents: Sequence[Document], engine: Engine) -> int:
    """Return about how many tokens documents have. Counts no more of each than a few pieces."""
    from chatterm.tasks.reading.budget import token_counter  # opening the app does without

    count = token_counter(engine)
    total = 0.0
    for document in documents:
        starts = range(0, len(document.text), _PIECE_CHARS)
        looked_at = starts if len(starts) <= _MAX_PIECES else starts[:: len(starts) // _MAX_PIECES]
        pieces = [document.text[start : start + _PIECE_CHARS] for start in looked_at]
        if num_chars := sum(map(len, pieces)):
            total += sum(map(count, pieces)) * len(document.text) / num_chars
    return round(total)


def _last_usage(store: ConversationStore, model_name: str) -> Usage | None:
    for one in store.conversations(limit=_LATELY):
        for ending in store.endings(one.id).values():
            usage = ending.usage
            if usage and ending.model_name == model_name and usage.prefill_s > 0 and usage.decode_s > 0:
                return usage
    return None


def _seconds(
    reading: "Reading", num_read: int, num_parts: int, card: ModelCard, store: ConversationStore
) -> float | None:
    """Guess how long it takes, by how fast the model was lately."""
    from chatterm.tasks.reading.outline import REPLY_TOKENS, num_calls

    usage = _last_usage(store, card.name)
    num_prefilled = usage.input_tokens - usage.cached_tokens if usage else 0
    if usage is None or num_prefilled < REPLY_TOKENS or usage.output_tokens <= 1:
        return None  # too little to tell a speed by
    num_written = num_calls(reading, num_parts, card) * REPLY_TOKENS / _BESIDE
    return num_read * usage.prefill_s / num_prefilled + num_written * usage.decode_s / usage.output_tokens
