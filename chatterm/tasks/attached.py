"""The documents that are attached to a conversation's questions, as they were read."""

from collections.abc import Sequence

from chatterm.conversation import Document, MessageNode
from chatterm.store import ConversationStore


def attached_to(store: ConversationStore, questions: Sequence[MessageNode]) -> tuple[Document, ...]:
    """Return what is attached to messages of one conversation, each document once, as `by_question` does."""
    found = by_question(store, questions).values()
    return tuple(dict.fromkeys(one for documents in found for one in documents))


def by_question(store: ConversationStore, path: Sequence[MessageNode]) -> dict[str, tuple[Document, ...]]:
    """Return, by message id, the documents attached to messages of one conversation, in the path's order.

    Attachments that are no text, which imported conversations may have, are left out. Raises StoreError.
    """
    asked = store.asked(path[0].conversation_id) if path else {}
    texts: dict[str, str | None] = {}
    found: dict[str, tuple[Document, ...]] = {}
    for node in path:
        attachments = asked[node.id].attachments if node.id in asked else ()
        for one in attachments:
            if one.sha256 not in texts:
                texts[one.sha256] = _text(store.attachment_bytes(one.sha256))
        documents = (
            Document(one.name, text, one.num_bytes)
            for one in attachments
            if (text := texts[one.sha256]) is not None
        )
        if shown := tuple(documents):
            found[node.id] = shown
    return found


def _text(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
