"""What earlier turns of a conversation bring to the checks of the next: documents, words, footers told."""

from collections.abc import Iterator, Sequence

from chatterm.conversation import MessageNode
from chatterm.documents.fence import fence
from chatterm.store import ConversationStore, ReplyDetail
from chatterm.tasks.attached import by_question
from chatterm.tasks.check_plan import Earlier


def earlier_in(store: ConversationStore, parent_id: str | None) -> Earlier:
    """Return what the path that ends at `parent_id` has; nothing for None.

    Documents are whole, also where the model read parts of them. Raises StoreError, and UnknownName for an
    id that nothing answers to.
    """
    path = store.path_to(parent_id) if parent_id else ()
    details = tuple(_details(store, path))
    attached = by_question(store, path)
    named: dict[str, str] = {}
    words: list[str] = []
    for node in path:
        if node.message.role == "user":
            documents = attached.get(node.id, ())
            for document in documents:
                named.setdefault(document.text, document.name)
            fenced = fence(documents)
            words.append(node.message.content.replace(fenced, "") if fenced else node.message.content)
    words += (
        value for detail in details if detail.record.prompt for value in detail.record.prompt.values.values()
    )
    return Earlier(tuple(named), tuple(named.values()), "\n".join(words), _told(details))


def _details(store: ConversationStore, path: Sequence[MessageNode]) -> Iterator[ReplyDetail]:
    found = (store.reply_detail(node.id) for node in path if node.message.role == "assistant")
    yield from filter(None, found)


def _told(details: Sequence[ReplyDetail]) -> frozenset[str]:
    ids = [detail.record.prompt.id for detail in details if detail.record.prompt]
    return frozenset(name for one in ids for name in (one, one.partition("/")[0]))
