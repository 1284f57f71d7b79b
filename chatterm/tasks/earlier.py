"""What earlier turns of a conversation bring to the checks of the next: documents, words, footers told."""

from chatterm.conversation import MessageNode
from chatterm.documents import unfenced
from chatterm.store import ConversationStore
from chatterm.tasks.check_plan import Earlier


def earlier_in(store: ConversationStore, parent_id: str | None) -> Earlier:
    """Return what the path that ends at `parent_id` has; nothing for None.

    Documents are found as they stand in the messages, which is what the model reads: as many as were
    attached. Raises StoreError, and UnknownName for an id that nothing answers to.
    """
    path = store.path_to(parent_id) if parent_id else ()
    asked = store.asked(path[0].conversation_id) if path else {}
    sources: list[str] = []
    words: list[str] = []
    for node in path:
        if node.message.role == "user":
            num_attached = len(asked[node.id].attachments) if node.id in asked else 0
            documents, rest = unfenced(node.message.content, num_attached)
            sources += documents
            words.append(rest)
    return Earlier(tuple(dict.fromkeys(sources)), "\n".join(words), _told(store, path))


def _told(store: ConversationStore, path: tuple[MessageNode, ...]) -> frozenset[str]:
    details = [store.reply_detail(node.id) for node in path if node.message.role == "assistant"]
    ids = [detail.record.prompt.id for detail in details if detail and detail.record.prompt]
    return frozenset(name for one in ids for name in (one, one.partition("/")[0]))
