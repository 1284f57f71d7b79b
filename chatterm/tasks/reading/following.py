"""Going on with documents: which of a conversation's documents a turn would not let the model read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from chatterm.conversation import Document, Message, MessageNode
from chatterm.documents.fence import fence
from chatterm.documents.places import without_page_marks
from chatterm.tasks.attached import by_question
from chatterm.tasks.means import Means, Target
from chatterm.tasks.question import Composed


@dataclass(frozen=True, slots=True)
class Following:
    """What a question that brings no document of its own goes on with."""

    documents: tuple[Document, ...] = ()
    """Those that the model would not read, the oldest first."""
    stand_ins: Mapping[str, Message] = field(default_factory=dict)
    """For the questions that do not fit for their sake, as `TurnRequest` has them: with their names alone."""


def following_of(composed: Composed, means: Means, target: Target, *, all_of_them: bool = False) -> Following:
    """Return the documents above a question that are in nothing the model would read to answer it.

    They were read in parts, or stand in a turn that does not fit or got no answer. What fits stays in the
    history as it is, where its prefix may be cached, unless `all_of_them` are asked for. Raises DoesNotFit
    for a question that is itself too long, and UnknownName for a target that is not there.
    """
    parent_id = _parent_of(means, target)
    path = means.store.path_to(parent_id) if parent_id else ()
    questions = [node for node in path if node.message.role == "user"]
    attached = by_question(means.store, questions)
    if not attached:
        return Following()
    sent = () if all_of_them else means.session.fit(composed.request, parent_id).messages
    out: dict[Document, None] = {}
    stand_ins: dict[str, Message] = {}
    for node in questions:
        missing = [one for one in attached.get(node.id, ()) if not _stands_in(one, sent)]
        out |= dict.fromkeys(missing)
        if any(_stands_in(one, [node.message]) for one in missing):
            stand_ins[node.id] = _named(means, node, attached[node.id])
    return Following(tuple(out), stand_ins)


def meant(composed: Composed, means: Means, target: Target) -> Target:
    """Return where a turn goes: a reply cannot be continued whose question is kept without its documents.

    What the model wrote it from is not stored, so the question is answered again.
    """
    if target.kind != "continue" or is_kept_whole(composed, means, target):
        return target
    question_id = means.store.node(target.message_id).parent_id
    return replace(target, kind="regenerate", message_id=question_id or "")


def is_kept_whole(composed: Composed, means: Means, target: Target) -> bool:
    """Return whether the stored question that is answered again holds the documents it was asked about."""
    node = means.store.node(target.message_id)
    if target.kind == "continue" and node.parent_id:
        node = means.store.node(node.parent_id)
    return all(_stands_in(document, [node.message]) for document in composed.question.documents)


def kept_words(documents: Sequence[Document], words: str) -> Message:
    """Return a question with a line for each document in place of its text."""
    counts = [f"{one.num_lines:,} line{'' if one.num_lines == 1 else 's'}" for one in documents]
    lines = [f"[{one.name}: {count}]" for one, count in zip(documents, counts, strict=True)]
    return Message("user", "\n\n".join(filter(None, ("\n".join(lines), words.strip()))))


def _named(means: Means, node: MessageNode, documents: Sequence[Document]) -> Message:
    asked = means.store.asked(node.conversation_id).get(node.id)
    typed = asked.text if asked else None
    return kept_words(
        documents, node.message.content.replace(fence(documents), "") if typed is None else typed
    )


def _parent_of(means: Means, target: Target) -> str | None:
    """Return below which message the question is."""
    if target.kind == "ask":
        return target.parent_id
    node = means.store.node(target.message_id)
    if target.kind == "continue" and node.parent_id:
        node = means.store.node(node.parent_id)
    return node.parent_id


def _stands_in(document: Document, messages: Sequence[Message]) -> bool:
    """Return whether a message holds the document as `fence` puts it there, by whatever name and number.

    A blank one stands nowhere, and is not missed.
    """
    _, _, body = fence([document]).partition("\n")
    return not body or any(body in without_page_marks(message.content) for message in messages)
