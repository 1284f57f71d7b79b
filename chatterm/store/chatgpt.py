"""Conversations of ChatGPT, as its data export has them in conversations.json. Pure.

Each conversation is a map of nodes with a parent each; `current_node` ends the path that was shown. What
tools said, hidden messages and empty ones are left out, and what follows them moves up. Of images and other
media only their place is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from chatterm.conversation import Message, MessageNode, Role
from chatterm.errors import InputRefused
from chatterm.store.json_fields import Fields, as_instant, checked
from chatterm.store.records import ReplyDetail, ReplyRecord
from chatterm.store.whole import WholeConversation, WholeMessage, derived_id

_ROLES: tuple[Role, ...] = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class _Conversation:
    id: str
    """As it will be stored."""
    created: str


def from_values(data: object, name: str) -> list[WholeConversation]:
    """Read what a file called `name` holds. Raises InputRefused, which says where it is wrong."""
    return [
        _conversation(Fields.of(value, f"{name}[{number}]"))
        for number, value in enumerate(checked(data, list, name))
    ]


def _conversation(fields: Fields) -> WholeConversation:
    own = fields.maybe("conversation_id", str) or fields.get("id", str)
    created = _moment(fields, "create_time") or as_instant(datetime.fromtimestamp(0, UTC))
    title = fields.maybe("title", str) or ""
    conversation = _Conversation(derived_id("chatgpt", own), created)
    nodes = {
        key: Fields.of(value, f"{fields.place}.mapping") for key, value in fields.get("mapping", dict).items()
    }
    messages: dict[str, WholeMessage] = {}
    shown_as: dict[str | None, str | None] = {None: None}
    for key, parent in _walk(nodes, fields.place):
        message = _message(nodes[key], conversation, derived_id("chatgpt", own, key), shown_as[parent])
        shown_as[key] = message.node.id if message else shown_as[parent]
        if message:
            messages[message.node.id] = message
    last = next(reversed(messages), None)
    return WholeConversation(
        id=conversation.id,
        title=title,
        has_own_title=bool(title),
        created=created,
        updated=_moment(fields, "update_time") or created,
        active_leaf=shown_as.get(fields.maybe("current_node", str)) or last,
        messages=tuple(messages.values()),
    )


def _walk(nodes: dict[str, Fields], place: str) -> Iterator[tuple[str, str | None]]:
    """Yield each node with its parent, parents first, siblings in order. Raises InputRefused for a cycle."""
    children: dict[str | None, list[str]] = {}
    for key, node in nodes.items():
        parent = node.maybe("parent", str)
        children.setdefault(parent if parent in nodes else None, []).append(key)
    for key, node in nodes.items():
        order = {child: number for number, child in enumerate(node.texts("children"))}
        children.get(key, []).sort(key=lambda child, order=order: order.get(child, len(order)))  # type: ignore[misc]  # the default binds it
    waiting: list[tuple[str, str | None]] = [(key, None) for key in reversed(children.get(None, []))]
    num_seen = 0
    while waiting:
        key, parent = waiting.pop()
        num_seen += 1
        yield key, parent
        waiting += [(child, key) for child in reversed(children.get(key, []))]
    if num_seen < len(nodes):
        raise InputRefused(f"{place}.mapping goes round in a circle; nothing was imported")


def _message(
    node: Fields, conversation: _Conversation, identity: str, parent_id: str | None
) -> WholeMessage | None:
    """Return what a node says, None for what is left out."""
    value = node.maybe("message", dict)
    if value is None:
        return None
    fields = Fields(value, f"{node.place}.message")
    role = Fields.of(fields.get("author", dict), f"{fields.place}.author").get("role", str)
    metadata = Fields(fields.maybe("metadata", dict) or {}, f"{fields.place}.metadata")
    text = _text(Fields(fields.maybe("content", dict) or {}, f"{fields.place}.content"))
    known = next((one for one in _ROLES if one == role), None)
    if known is None or not text.strip() or metadata.values.get("is_visually_hidden_from_conversation"):
        return None
    return WholeMessage(
        node=MessageNode(
            id=identity,
            conversation_id=conversation.id,
            parent_id=parent_id,
            message=Message(known, text),
            status="interrupted" if fields.maybe("status", str) == "in_progress" else "complete",
            created=_moment(fields, "create_time") or conversation.created,
        ),
        reply=_reply(identity, metadata) if known == "assistant" else None,
    )


def _reply(message_id: str, metadata: Fields) -> ReplyDetail:
    model = metadata.maybe("model_slug", str) or "unknown"
    record = ReplyRecord(
        model_identity=f"chatgpt:{model}", model_name=model, engine="chatgpt", sampling={}, seed=0
    )
    return ReplyDetail(
        message_id=message_id,
        record=record,
        token_ids=(),
        log_probabilities=None,
        finish_reason=None,
        usage=None,
    )


def _text(content: Fields) -> str:
    """Return the text of a message: its parts, or the code it is."""
    parts = content.maybe("parts", list)
    if parts is None:
        is_code = content.maybe("content_type", str) in {"code", "text"}
        return (content.maybe("text", str) or "") if is_code else ""
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            kind = part.get("content_type")
            texts.append(part["text"] if isinstance(part.get("text"), str) else f"[{kind or 'attachment'}]")
    return "\n".join(text for text in texts if text)


def _moment(fields: Fields, key: str) -> str | None:
    seconds = fields.maybe(key, float)
    if seconds is None:
        return None
    try:
        return as_instant(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise InputRefused(f"{fields.place}.{key} is {seconds}, no moment; nothing was imported") from error
