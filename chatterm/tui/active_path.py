"""The active path of a conversation as the screen shows it, as values. Blocking: it reads from the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chatterm.conversation import FinishReason, MessageNode, Status, Usage
from chatterm.store import AskedSummary, BranchPoint, ConversationStore, ReplyEnding
from chatterm.tui.parts_state import halted_text

STATUS_NOTES: Mapping[Status, str] = {
    "complete": "",
    "streaming": "still being written by another chatterm",
    "stopped": "stopped",
    "interrupted": "interrupted: chatterm ended before the reply did",
    "failed": "failed",
}

SAID_NOTHING = "the model said nothing · Ctrl+R asks it again"
CONTINUES = " · F4 continues it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A question or a reply, as the transcript shows it. Texts are foreign."""

    node: MessageNode
    text: str
    """Of a question: what was typed."""
    attached: tuple[str, ...] = ()
    """Names of the documents that went with a question."""
    branch: BranchPoint | None = None
    """Where others stand at its place."""
    note: str = ""
    """How a reply ended, where that is worth a word."""
    statistics: str = ""
    """Of a reply, on one line."""
    sources: str = ""
    """Of a reply to a question with documents: how they were read, and how its lines are shown."""
    can_continue: bool = False
    """Of a reply: it was interrupted, stopped or cut."""

    @property
    def is_question(self) -> bool:
        return self.node.message.role == "user"


@dataclass(frozen=True, slots=True)
class ActivePath:
    """A conversation's active path."""

    said: Sequence[Said] = ()
    leaf_id: str | None = None
    used_tokens: int | None = None
    """Of the context, after the last reply; None where it is not known."""

    @property
    def questions(self) -> list[str]:
        return [one.text for one in self.said if one.is_question]


def read_conversation(store: ConversationStore, conversation_id: str | None) -> ActivePath:
    """None is a new one. Raises StoreError, and UnknownName where the conversation is gone."""
    if conversation_id is None:
        return ActivePath(used_tokens=0)
    nodes = store.path(conversation_id)
    if not nodes:
        return ActivePath(used_tokens=0)
    endings, asked = store.endings(conversation_id), store.asked(conversation_id)
    branches = store.branches(conversation_id)
    said = tuple(_said(nodes, endings, asked, branches, store))
    if said and said[-1].is_question and said[-1].node.id == nodes[-1].id:
        said = (*said[:-1], replace(said[-1], note=_unanswered(store, nodes[-1])))
    replies = [node for node in nodes if node.message.role == "assistant"]
    used = _used_tokens(endings.get(replies[-1].id)) if replies else None
    if replies and store.task_details(replies[-1].parent_id or ""):
        used = None  # what all the parts took says nothing of the context
    return ActivePath(said, nodes[-1].id, used)


def _unanswered(store: ConversationStore, question: MessageNode) -> str:
    """Say what there is of the reply to a question that has none."""
    if store.children(question.id):
        return ""
    total = store.task_details(question.id).get("parts")
    return halted_text(store.num_partials(question.id), total if isinstance(total, int) else None)


def ending_note(reason: FinishReason, usage: Usage) -> str:
    """Say how a reply ended; nothing where it ended by itself."""
    if reason == "cancelled":
        return "stopped"
    if reason == "loop":
        return "stopped: it said the same again and again"
    return f"cut at {usage.output_tokens:,} tokens" if reason == "length" else ""


def is_unfinished(node: MessageNode, reason: FinishReason | None) -> bool:
    """Whether a reply can be continued: it was interrupted, stopped, cut, or failed after its first words."""
    has_ended = node.status == "complete" and reason != "length"
    return bool(node.message.content.strip()) and not has_ended and node.status != "streaming"


def note_of(node: MessageNode, reason: FinishReason | None, usage: Usage | None) -> str:
    """Return what stands below a reply, with the key that continues it where it can be continued."""
    note = ending_note(reason, usage) if reason and usage else ""
    note = note or STATUS_NOTES[node.status]
    if node.status == "complete" and not node.message.content.strip():
        return SAID_NOTHING
    return f"{note}{CONTINUES}" if is_unfinished(node, reason) else note


def statistics_of(usage: Usage, model_name: str) -> str:
    """Return a reply's figures on one line."""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    rate = f" at {usage.output_tokens / usage.decode_s:,.1f} tok/s" if usage.decode_s > 0 else ""
    total = usage.prefill_s + usage.decode_s
    return (
        f"{model_name} · {usage.input_tokens:,} tokens read{cached} · "
        f"{usage.output_tokens:,} written{rate} · {total:,.1f} s"
    )


def _said(
    nodes: Sequence[MessageNode],
    endings: Mapping[str, ReplyEnding],
    asked: Mapping[str, AskedSummary],
    branches: Mapping[str, BranchPoint],
    store: ConversationStore,
) -> Iterator[Said]:
    for node in nodes:
        branch = branches.get(node.id)
        if node.message.role == "assistant":
            ending = endings.get(node.id, ReplyEnding(finish_reason=None, usage=None, model_name=""))
            usage = ending.usage
            yield Said(
                node=node,
                text=node.message.content,
                branch=branch,
                note=note_of(node, ending.finish_reason, usage),
                statistics=statistics_of(usage, ending.model_name) if usage else "",
                sources=_sources(store, node, asked),
                can_continue=is_unfinished(node, ending.finish_reason),
            )
        elif node.message.role == "user":
            typed = asked.get(node.id, AskedSummary(text=None))
            yield Said(
                node=node,
                text=node.message.content if typed.text is None else typed.text,
                attached=tuple(file.name for file in typed.attachments),
                branch=branch,
            )


def _sources(store: ConversationStore, reply: MessageNode, asked: Mapping[str, AskedSummary]) -> str:
    question = asked.get(reply.parent_id or "")
    if question is None or not question.attachments or not reply.message.content.strip():
        return ""
    number = store.task_details(reply.parent_id or "").get("parts")
    how = f"read in {number:,} part{'' if number == 1 else 's'} · " if isinstance(number, int) else ""
    return f"{how}F5 shows the lines it rests on"


def _used_tokens(ending: ReplyEnding | None) -> int | None:
    if ending is None or ending.usage is None:
        return None
    return ending.usage.input_tokens + ending.usage.output_tokens
