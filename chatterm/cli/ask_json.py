"""The JSON forms of `ask`: field names are llm's where llm has the field."""

from dataclasses import asdict
from typing import Any

from chatterm.conversation import ModelCard, Turn
from chatterm.engine.base import Alternative, TokenCount, TokenDetail
from chatterm.session import FittedHistory, Scored
from chatterm.tasks import Composed
from chatterm.tasks.structured import StructuredAnswer


def reply_object(turn: Turn, composed: Composed, card: ModelCard, notices: list[str]) -> dict[str, Any]:
    """Return what `ask --json` prints."""
    request, usage = composed.request, turn.usage
    return {
        "id": turn.reply.id,
        "conversation_id": turn.reply.conversation_id,
        "model": card.name,
        "prompt": request.question.content,
        "system": request.system.content if request.system else None,
        "response": turn.reply.message.content,
        "finish_reason": turn.finish_reason,
        "options": asdict(request.sampling),
        "template": request.prompt.reference if request.prompt else None,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "duration_ms": round((usage.prefill_s + usage.decode_s) * 1000),
        "datetime_utc": turn.question.created,
        "notices": notices,
    }


def scored_object(scored: Scored) -> dict[str, Any]:
    """Return what `ask --json` adds for an answer that is a label; logarithms are natural."""
    return {
        "labels": list(scored.chosen),
        "scores": [
            {"label": one.label, "probability": one.probability, "logprob": one.log_probability}
            for one in scored.scores
        ],
        "margin": scored.margin,
        "is_unsure": scored.is_unsure,
        "is_calibrated": scored.is_calibrated,
    }


def structured_object(answer: StructuredAnswer | None) -> dict[str, Any]:
    """Return what `ask --json` adds for an answer with a schema; null where the reply is no JSON."""
    return {
        "answer": answer.value if answer else None,
        "totals": dict(answer.totals) if answer else {},
        "is_truncated": bool(answer and answer.is_truncated),
    }


def token_object(detail: TokenDetail) -> dict[str, Any]:
    """Return what `ask --json --logprobs` prints of a token; logarithms are natural."""
    return {
        "id": detail.token_id,
        "token": detail.text,
        "offset": detail.offset,
        "logprob": detail.log_probability,
        "drawn_logprob": detail.drawn_log_probability,
        "top_logprobs": [_alternative_object(one) for one in detail.alternatives],
        "drawn_top_logprobs": [_alternative_object(one) for one in detail.drawn_alternatives],
    }


def _alternative_object(one: Alternative) -> dict[str, Any]:
    return {"id": one.token_id, "token": one.text, "logprob": one.log_probability}


def dry_run_object(
    composed: Composed, fitted: FittedHistory, count: TokenCount, card: ModelCard
) -> dict[str, Any]:
    """Return what `ask --dry-run --json` prints."""
    return {
        "model": card.name,
        "messages": [asdict(message) for message in fitted.messages],
        "prefill": composed.request.prefill,
        "options": asdict(composed.request.sampling),
        "input_tokens": count.tokens,
        "is_exact": count.is_exact,
        "num_dropped_turns": fitted.num_dropped_turns,
        "context_length": card.context_length,
        "notices": list(composed.notices),
    }
