"""What the inspector tells of a reply, as text. Blocking: it reads from the store."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from chatterm.conversation import FinishReason, Usage
from chatterm.store import ConversationStore, LogProbabilities, ReplyDetail, ReplyRecord
from chatterm.tui.foreign import one_line

NUM_UNSURE = 5
MAX_VALUE = 200
"""Characters of a value."""

_REASONS: dict[FinishReason | None, str] = {
    None: "not ended",
    "end": "the model ended it",
    "stop": "a stop string",
    "length": "cut at the token limit",
    "loop": "it repeated itself",
    "cancelled": "stopped",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with named values below it. All may be foreign text."""

    title: str
    rows: list[tuple[str, str]]


def inspect_reply(store: ConversationStore, reply_id: str) -> list[Section]:
    """Return what is stored about a reply; nothing for one that no engine made. Raises StoreError."""
    detail = store.reply_detail(reply_id)
    if detail is None:
        return []
    parent_id = store.node(reply_id).parent_id
    attachments = store.attachments(parent_id) if parent_id else ()
    sources = [(file.name, f"{file.num_bytes:,} bytes") for file in attachments]
    sections = [
        Section("Tokens and time", list(_usage_rows(detail.usage, detail.finish_reason))),
        Section("Certainty", list(_certainty_rows(detail))),
        Section("Sources", sources),
        Section("Made by", list(_made_by_rows(detail.record))),
        Section("Prompt", list(_prompt_rows(detail.record))),
        Section("Sampling", [(name, str(value)) for name, value in detail.record.sampling.items()]),
    ]
    return [
        Section(one.title, [(_short(name), _short(value)) for name, value in one.rows])
        for one in sections
        if one.rows
    ]


def _usage_rows(usage: Usage | None, reason: FinishReason | None) -> Iterator[tuple[str, str]]:
    if usage:
        yield "prompt", f"{usage.input_tokens:,} tokens"
        yield "cached", f"{usage.cached_tokens:,} of them"
        new = usage.input_tokens - usage.cached_tokens
        yield "prefill", f"{usage.prefill_s:,.2f} s{_rate(new, usage.prefill_s)}"
        yield "reply", f"{usage.output_tokens:,} tokens"
        yield "decode", f"{usage.decode_s:,.2f} s{_rate(usage.output_tokens, usage.decode_s)}"
    yield "ended by", _REASONS[reason]


def _certainty_rows(detail: ReplyDetail) -> Iterator[tuple[str, str]]:
    chances = detail.log_probabilities
    if not chances:
        return
    mean = sum(model for model, _ in chances) / len(chances)
    yield "mean", f"{_percent(mean)} a token (perplexity {math.exp(min(-mean, 700)):,.2f})"
    for index, (model, _) in _least_sure(chances):
        yield f"token {index + 1:,}", _percent(model)


def _least_sure(chances: tuple[LogProbabilities, ...]) -> list[tuple[int, LogProbabilities]]:
    return sorted(enumerate(chances), key=lambda one: one[1][0])[:NUM_UNSURE]


def _made_by_rows(record: ReplyRecord) -> Iterator[tuple[str, str]]:
    yield "model", record.model_name
    yield "weights", record.model_identity
    yield "engine", record.engine
    yield "seed", str(record.seed)
    yield "sample", str(record.sample)


def _prompt_rows(record: ReplyRecord) -> Iterator[tuple[str, str]]:
    if record.prompt:
        yield "id", f"{record.prompt.id}@{record.prompt.version}"
        yield "sha256", record.prompt.sha256[:16]
        yield from record.prompt.values.items()


def _rate(tokens: int, seconds: float) -> str:
    return f" ({tokens / seconds:,.1f} tok/s)" if seconds > 0 and tokens > 0 else ""


def _percent(log_probability: float) -> str:
    return f"{math.exp(min(log_probability, 0)):.1%}"


def _short(text: str) -> str:
    return one_line(text, MAX_VALUE)
