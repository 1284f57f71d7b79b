"""A stored question as the draft it was made from. Blocking: for a thread."""

from collections.abc import Iterator, Mapping

from chatterm.store import AskedSummary, ConversationStore, PromptUse
from chatterm.tui.drafts import Draft


def draft_of(store: ConversationStore, question_id: str) -> Draft:
    """Return what was typed, attached and chosen for a question. Raises StoreError and UnknownName."""
    from chatterm.tasks.attached import by_question  # opening the app does without

    question = store.node(question_id)
    asked = store.asked(question.conversation_id).get(question_id, AskedSummary(text=None))
    prompt = _prompt_of(store, question_id)
    return Draft(
        text=question.message.content if asked.text is None else asked.text,
        documents=by_question(store, [question]).get(question_id, ()),
        prompt_id=prompt[0] if prompt else None,
        values=prompt[1] if prompt else {},
    )


def _prompt_of(store: ConversationStore, question_id: str) -> tuple[str, Mapping[str, str]] | None:
    """Return the prompt that was chosen, with its values; those that fit by themselves are none."""
    from chatterm.tasks.question import CHAT, SUMMARY  # opening the app does without

    used = [(one.id, one.values) for one in _used_for(store, question_id)]
    used += _planned_for(store, question_id)
    return next((one for one in used if one[0] not in {CHAT, SUMMARY}), None)


def _used_for(store: ConversationStore, question_id: str) -> Iterator[PromptUse]:
    for reply in store.children(question_id):
        detail = store.reply_detail(reply.id)
        if detail and detail.record.prompt:
            yield detail.record.prompt


def _planned_for(store: ConversationStore, question_id: str) -> list[tuple[str, Mapping[str, str]]]:
    """Return the prompt of a question that was to be answered from parts, and has no reply yet."""
    details = store.task_details(question_id)
    prompt, values = details.get("prompt"), details.get("values")
    if not isinstance(prompt, str) or not isinstance(values, dict):
        return []
    return [(prompt, {str(name): str(value) for name, value in values.items()})]
