"""The store against a model of it in dictionaries, by random histories."""

import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from chatterm.conversation import Message, MessageNode, Role, Status
from chatterm.errors import StoreError, UsageError
from chatterm.store import ConversationStore
from tests.store.samples import RECORD, integrity

TEXTS = st.text(max_size=20)
ROLES = st.sampled_from(["user", "system", "assistant"])
ENDS = st.sampled_from(["complete", "stopped", "failed"])


class TreeMachine(RuleBasedStateMachine):
    """Each rule does the same to the store and to the dictionaries; the invariants compare them."""

    conversations = Bundle("conversations")
    messages = Bundle("messages")
    streaming = Bundle("streaming")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "chatterm.db"
        self.store = ConversationStore.open(self.file)
        self.nodes: dict[str, MessageNode] = {}
        self.titles: dict[str, str] = {}
        self.leaves: dict[str, str | None] = {}

    @rule(target=conversations, title=TEXTS)
    def create(self, title: str) -> str:
        cid = self.store.create_conversation(title)
        self.titles[cid], self.leaves[cid] = title, None
        return cid

    @rule(cid=conversations, title=TEXTS)
    def rename(self, cid: str, title: str) -> None:
        self.store.set_title(cid, title)
        self.titles[cid] = title

    @rule(target=messages, cid=conversations, role=ROLES, text=TEXTS)
    def append_root(self, cid: str, role: Role, text: str) -> MessageNode:
        return self._added(self.store.append(cid, None, Message(role, text)), cid, None, Message(role, text))

    @rule(cid=consumes(conversations))
    def delete(self, cid: str) -> None:
        assert self.store.delete([cid]) == 1
        assert self.store.delete([cid]) == 0
        del self.titles[cid], self.leaves[cid]
        self.nodes = {key: node for key, node in self.nodes.items() if node.conversation_id != cid}

    @rule(cid=conversations)
    def delete_and_put_back(self, cid: str) -> None:
        whole = self.store.whole(cid)
        assume(all(self.nodes[one.node.id].status != "streaming" for one in whole.messages))
        self.store.delete([cid])
        self.store.add_whole([whole])
        assert self.store.whole(cid) == whole

    @rule(target=messages, parent=messages, text=TEXTS)
    def append(self, parent: MessageNode, text: str) -> MessageNode:
        assume(parent.id in self.nodes)
        cid, message = parent.conversation_id, Message("user", text)
        return self._added(self.store.append(cid, parent.id, message), cid, parent.id, message)

    @rule(target=messages, edited=messages, text=TEXTS)
    def edit(self, edited: MessageNode, text: str) -> MessageNode:
        assume(edited.id in self.nodes)
        cid, message = edited.conversation_id, Message("user", text)
        return self._added(self.store.append(cid, edited.parent_id, message), cid, edited.parent_id, message)

    @rule(target=streaming, parent=messages)
    def regenerate(self, parent: MessageNode) -> MessageNode:
        assume(parent.id in self.nodes)
        reply = self.store.begin_reply(parent, RECORD)
        return self._added(reply, parent.conversation_id, parent.id, Message("assistant", ""))

    @rule(reply=streaming, text=TEXTS)
    def checkpoint(self, reply: MessageNode, text: str) -> None:
        assume(reply.id in self.nodes)
        self.store.checkpoint(reply.id, text)
        self._rewritten(reply, text, "streaming")

    @rule(target=messages, reply=consumes(streaming), text=TEXTS, status=ENDS)
    def finish(self, reply: MessageNode, text: str, status: Status) -> MessageNode:
        assume(reply.id in self.nodes)
        self._rewritten(reply, text, status)
        finished = self.store.finish_reply(reply.id, text, status=status)
        assert finished == self.nodes[reply.id]
        return finished

    @rule(node=messages)
    def look_at(self, node: MessageNode) -> None:
        assume(node.id in self.nodes)
        self.store.set_active_leaf(node.conversation_id, node.id)
        self.leaves[node.conversation_id] = node.id

    @rule(node=messages)
    def finished_messages_never_change(self, node: MessageNode) -> None:
        with pytest.raises(StoreError):
            self.store.checkpoint(node.id, "forged")

    @rule(cid=conversations, length=st.integers(1, 16))
    def resolve(self, cid: str, length: int) -> None:
        prefix = cid[:length]
        if length < 4 or sum(one.startswith(prefix) for one in self.titles) > 1:
            with pytest.raises(UsageError):
                self.store.resolve(prefix)
        else:
            assert self.store.resolve(prefix) == cid

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = ConversationStore.open(self.file)

    @rule(node=messages)
    def branches_agree(self, node: MessageNode) -> None:
        assume(node.id in self.nodes)
        siblings = [one for one in self.nodes.values() if self._place(one) == self._place(node)]
        children = [one for one in self.nodes.values() if one.parent_id == node.id]
        assert list(self.store.siblings(node.id)) == siblings
        assert list(self.store.children(node.id)) == children
        assert list(self.store.path_to(node.id)) == self._path(node.id)
        beside = [one.id for one in self.nodes.values() if self._said_place(one) == self._said_place(node)]
        assert node.message.role == "system" or list(self.store.alternatives(node.id)) == beside
        below = [one for one in self.nodes if node.id in [above.id for above in self._path(one)]]
        assert self.store.newest_leaf(node.id) == below[-1]

    @invariant()
    def lists_and_active_paths_agree(self) -> None:
        counts = [node.conversation_id for node in self.nodes.values()]
        found = {one.id: (one.title, one.num_messages) for one in self.store.conversations(limit=1000)}
        assert found == {cid: (title, counts.count(cid)) for cid, title in self.titles.items()}
        for cid, leaf in self.leaves.items():
            assert list(self.store.path(cid)) == self._path(leaf)

    def teardown(self) -> None:
        self.store.close()
        assert integrity(self.file) == "ok"
        self.folder.cleanup()

    def _added(self, node: MessageNode, cid: str, parent_id: str | None, message: Message) -> MessageNode:
        assert (node.conversation_id, node.parent_id, node.message) == (cid, parent_id, message)
        assert node.id not in self.nodes
        self.nodes[node.id] = node
        self.leaves[cid] = node.id
        return node

    def _rewritten(self, reply: MessageNode, text: str, status: Status) -> None:
        self.nodes[reply.id] = MessageNode(
            id=reply.id,
            conversation_id=reply.conversation_id,
            parent_id=reply.parent_id,
            message=Message("assistant", text),
            status=status,
            created=reply.created,
        )

    def _place(self, node: MessageNode) -> tuple[str, str | None]:
        return node.conversation_id, node.parent_id

    def _said_place(self, node: MessageNode) -> tuple[str, str | None, str]:
        """Where a message stands, system messages passed over; they themselves stand apart."""
        parent = node.parent_id
        while parent and self.nodes[parent].message.role == "system":
            parent = self.nodes[parent].parent_id
        return node.conversation_id, parent, node.id if node.message.role == "system" else ""

    def _path(self, leaf: str | None) -> list[MessageNode]:
        path: list[MessageNode] = []
        while leaf:
            path.insert(0, self.nodes[leaf])
            leaf = path[0].parent_id
        return path


TreeMachine.TestCase.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTree = TreeMachine.TestCase


def test_a_store_in_memory_and_one_on_disk_are_alike(database: Path) -> None:
    with closing(ConversationStore.open(database)) as disk, closing(ConversationStore.in_memory()) as memory:
        shown = []
        for store in (disk, memory):
            question = store.append(store.create_conversation("t"), None, Message("user", "q"))
            reply = store.begin_reply(question, RECORD)
            store.finish_reply(reply.id, "a", status="complete")
            shown.append([(node.message, node.status) for node in store.path(question.conversation_id)])
        assert shown[0] == shown[1]
