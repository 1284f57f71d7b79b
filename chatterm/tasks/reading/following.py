"""Going on with documents: which of a conversation's documents a turn would not let the model read."""

from chatterm.conversation import Document, Message
from chatterm.documents import fence, without_page_marks
from chatterm.tasks.attached import attached_to
from chatterm.tasks.means import Means, Target
from chatterm.tasks.question import Composed


def documents_out_of_history(composed: Composed, means: Means, target: Target) -> tuple[Document, ...]:
    """Return the documents above a question that are in nothing the model would read to answer it.

    They were read in parts, or stand in a turn that does not fit or got no answer. What fits stays in the
    history as it is, where its prefix may be cached. Raises DoesNotFit for a question that is itself too
    long, and UnknownName for a target that is not there.
    """
    parent_id = _parent_of(means, target)
    if parent_id is None:
        return ()
    path = means.store.path_to(parent_id)
    attached = attached_to(means.store, [node for node in path if node.message.role == "user"])
    if not attached:
        return ()
    sent = means.session.fit(composed.request, parent_id).messages
    return tuple(document for document in attached if not _stands_in(document, sent))


def _parent_of(means: Means, target: Target) -> str | None:
    """Return below which message the question is."""
    if target.kind == "ask":
        return target.parent_id
    node = means.store.node(target.message_id)
    if target.kind == "continue" and node.parent_id:
        node = means.store.node(node.parent_id)
    return node.parent_id


def _stands_in(document: Document, messages: tuple[Message, ...]) -> bool:
    """Return whether a message holds the document as `fence` puts it there, by whatever name and number."""
    _, _, body = fence([document]).partition("\n")
    return any(body in without_page_marks(message.content) for message in messages)
