"""The documents that are attached to a conversation's questions, as they were read."""

from collections.abc import Iterable

from chatterm.conversation import Document, MessageNode
from chatterm.store import Attachment, ConversationStore


def attached_to(store: ConversationStore, questions: Iterable[MessageNode]) -> tuple[Document, ...]:
    """Return what is attached to messages of one conversation, each document once, the oldest first.

    Attachments that are no text, which imported conversations may have, are left out. Raises StoreError.
    """
    questions = tuple(questions)
    asked = store.asked(questions[0].conversation_id) if questions else {}
    found = [one for node in questions if node.id in asked for one in asked[node.id].attachments]
    documents = (_document(store, one) for one in dict.fromkeys(found))
    return tuple(document for document in documents if document)


def _document(store: ConversationStore, attachment: Attachment) -> Document | None:
    data = store.attachment_bytes(attachment.sha256)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return Document(attachment.name, text, len(data)) if "\0" not in text else None
