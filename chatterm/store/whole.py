"""A conversation with all that belongs to it, as one value: what is exported, and what imports become."""

import hashlib
from base64 import b32encode
from dataclasses import dataclass, replace

from chatterm.conversation import MessageNode
from chatterm.store.records import AttachedFile, ReplyDetail
from chatterm.store.titles import title_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeMessage:
    """A message with how it was made and what is attached to it."""

    node: MessageNode
    reply: ReplyDetail | None = None
    files: tuple[AttachedFile, ...] = ()
    typed: str | None = None
    """What was typed, where a prompt shaped it into what the message says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeConversation:
    """A conversation with every branch, without partial results of long tasks, which can be made anew."""

    id: str
    title: str
    has_own_title: bool
    """A user gave it; replies do not change it."""
    created: str
    updated: str
    """Both ISO 8601, UTC, with microseconds."""
    pinned: bool = False
    archived: bool = False
    tags: tuple[str, ...] = ()
    """Sorted."""
    active_leaf: str | None = None
    messages: tuple[WholeMessage, ...] = ()
    """Parents before their children, siblings from the oldest to the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What an import brought."""

    num_conversations: int = 0
    """That were not there before."""
    num_messages: int = 0
    num_known: int = 0
    """Messages that were there already, and stay as they are."""


def derived_id(*parts: str) -> str:
    """Return the id that something of another program gets: the same one each time it is imported."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return b32encode(digest[:10]).decode().lower()


def titled(whole: WholeConversation) -> WholeConversation:
    """Return `whole` with a title made of its first exchange where it has none."""
    if whole.title.strip():
        return whole
    said = [message.node.message for message in whole.messages]
    first = {
        role: next((one.content for one in said if one.role == role), "") for role in ("user", "assistant")
    }
    return replace(whole, title=title_of(first["user"], first["assistant"]))
