"""A stored question as the draft it was made from. Blocking: for a thread."""

from chatterm.conversation import Document
from chatterm.store import AskedSummary, ConversationStore, PromptUse
from chatterm.tui.drafts import Draft


def draft_of(store: ConversationStore, question_id: str) -> Draft:
    """Return what was typed, attached and chosen for a question. Raises StoreError and UnknownName."""
    question = store.node(question_id)
    asked = store.asked(question.conversation_id).get(question_id, AskedSummary(text=None))
    prompt = _prompt_of(store, question_id)
    return Draft(
        text=question.message.content if asked.text is None else asked.text,
        documents=tuple(_document(one.name, store.attachment_bytes(one.sha256)) for one in asked.attachments),
        prompt_id=prompt.id if prompt else None,
        values=prompt.values if prompt else {},
    )


def _document(name: str, data: bytes) -> Document:
    return Document(name, data.decode(errors="replace"), len(data))


def _prompt_of(store: ConversationStore, question_id: str) -> PromptUse | None:
    """Return the prompt that was chosen; those that fit by themselves are none."""
    from chatterm.tasks.question import CHAT, SUMMARY  # opening the app does without

    for reply in store.children(question_id):
        detail = store.reply_detail(reply.id)
        if detail and detail.record.prompt and detail.record.prompt.id not in {CHAT, SUMMARY}:
            return detail.record.prompt
    return None
