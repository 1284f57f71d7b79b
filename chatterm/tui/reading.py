"""Reads from the store what the screen shows, as values. Blocking: for a thread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chatterm.conversation import FinishReason, MessageNode, Usage
from chatterm.store import ConversationStore, ReplyDetail


@dataclass(frozen=True, slots=True)
class Reading:
    """A conversation's active path."""

    nodes: Sequence[MessageNode] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    """By message id, how replies ended, where their status does not tell."""
    used_tokens: int | None = None
    """Of the context, after the last reply; None where it is not known."""

    @property
    def questions(self) -> list[str]:
        return [node.message.content for node in self.nodes if node.message.role == "user"]

    @property
    def leaf_id(self) -> str | None:
        return self.nodes[-1].id if self.nodes else None


def read_conversation(store: ConversationStore, conversation_id: str | None) -> Reading:
    """None is a new one. Raises StoreError, and UnknownName where the conversation is gone."""
    if conversation_id is None:
        return Reading(used_tokens=0)
    nodes = store.path(conversation_id)
    replies = [node.id for node in nodes if node.message.role == "assistant"]
    details = {reply_id: detail for reply_id in replies if (detail := store.reply_detail(reply_id))}
    notes = {reply_id: note for reply_id, detail in details.items() if (note := _note(detail))}
    last = details.get(replies[-1]) if replies else None
    return Reading(nodes, notes, _used_tokens(last))


def ending_note(reason: FinishReason, usage: Usage) -> str:
    """Say how a reply ended; nothing where it ended by itself."""
    if reason == "cancelled":
        return "stopped"
    if reason == "loop":
        return "stopped: it said the same again and again"
    return f"cut at {usage.output_tokens:,} tokens" if reason == "length" else ""


def _note(detail: ReplyDetail) -> str:
    if detail.finish_reason is None or detail.usage is None:
        return ""
    return ending_note(detail.finish_reason, detail.usage)


def _used_tokens(detail: ReplyDetail | None) -> int | None:
    if detail is None or detail.usage is None:
        return None
    return detail.usage.input_tokens + detail.usage.output_tokens
