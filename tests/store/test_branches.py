"""Branches: how many stand at a message, which one it is, and where walking leads."""

from chatterm.conversation import Message, MessageNode
from chatterm.store import BranchPoint, ConversationStore
from tests.store.samples import RECORD, USAGE, ask


def say(store: ConversationStore, parent: MessageNode, text: str, role: str = "assistant") -> MessageNode:
    return store.append(parent.conversation_id, parent.id, Message(role, text))  # type: ignore[arg-type]  # a role


def test_a_line_of_messages_has_no_branches(store: ConversationStore) -> None:
    reply = say(store, ask(store), "a")
    assert store.branches(reply.conversation_id) == {}
    assert store.branch_beside(reply.id, 1) is None
    assert store.branch_beside(reply.id, -1) is None
    assert store.alternatives(reply.id) == (reply.id,)


def test_siblings_are_numbered_from_the_oldest(store: ConversationStore) -> None:
    question = ask(store)
    replies = [say(store, question, str(number)) for number in range(3)]
    points = store.branches(question.conversation_id)
    assert [points[one.id] for one in replies] == [BranchPoint(number, 3) for number in (1, 2, 3)]
    assert question.id not in points
    assert store.alternatives(replies[1].id) == tuple(one.id for one in replies)


def test_walking_leads_to_the_newest_message_of_the_branch(store: ConversationStore) -> None:
    question = ask(store)
    first, second = say(store, question, "one"), say(store, question, "two")
    old = say(store, first, "old", "user")
    newer = say(store, first, "newer", "user")
    below_old = say(store, old, "newest of all")
    assert store.branch_beside(second.id, -1) == below_old.id
    assert store.branch_beside(second.id, 1) is None
    assert store.branch_beside(first.id, 1) == second.id
    assert store.newest_leaf(newer.id) == newer.id
    store.set_active_leaf(question.conversation_id, below_old.id)
    assert [node.id for node in store.path(question.conversation_id)] == [
        question.id, first.id, old.id, below_old.id,
    ]  # fmt: skip


def test_questions_below_different_system_messages_are_branches(store: ConversationStore) -> None:
    conversation_id = store.create_conversation()
    system = store.append(conversation_id, None, Message("system", "be brief"))
    first = say(store, system, "q1", "user")
    second = say(store, store.append(conversation_id, None, Message("system", "be long")), "q2", "user")
    third = store.append(conversation_id, None, Message("user", "q3"))
    assert store.alternatives(second.id) == (first.id, second.id, third.id)
    assert store.branches(conversation_id)[third.id] == BranchPoint(3, 3)
    assert system.id not in store.branches(conversation_id)


def test_a_conversation_as_long_as_one_likes_is_walked(store: ConversationStore) -> None:
    node = ask(store)
    first = node.id
    for number in range(1_500):
        node = say(store, node, str(number), "user" if number % 2 else "assistant")
    assert store.newest_leaf(first) == node.id


def test_endings_tell_how_replies_ended(store: ConversationStore) -> None:
    question = ask(store)
    done, open_reply = store.begin_reply(question, RECORD), store.begin_reply(question, RECORD)
    store.finish_reply(done.id, "x", status="complete", finish_reason="length", usage=USAGE)
    endings = store.endings(question.conversation_id)
    assert (endings[done.id].finish_reason, endings[done.id].usage) == ("length", USAGE)
    assert (endings[open_reply.id].finish_reason, endings[open_reply.id].usage) == (None, None)
    assert endings[done.id].model_name == RECORD.model_name
