"""Drafts: one of each process for each conversation, none lost, none twice."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.conversation import Document
from chatterm.store import ConversationStore, StoredDraft
from tests.store.samples import ask

DRAFT = StoredDraft(
    text="unsent \x1b[2J",
    documents=(
        Document("a.txt", "one\ntwo", 8, ("a byte was replaced", "a\x0c\u2028.txt is empty")),
        Document("b", "", 0),
    ),
    details={"system": "Be brief.", "settings": {"top_k": 3}},
)


def elsewhere(database: Path, body: str) -> None:
    """Run `body` in another process, with `store` and `StoredDraft` at hand."""
    code = (
        "import sys, os, pathlib\nfrom chatterm.store import ConversationStore, StoredDraft\n"
        f"store = ConversationStore.open(pathlib.Path(sys.argv[1]))\n{body}\nos._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, database], check=True, timeout=60)


def test_a_draft_comes_back_as_it_was_and_goes_when_it_is_blank(store: ConversationStore) -> None:
    conversation_id = ask(store).conversation_id
    for where in (conversation_id, None):
        assert store.take_draft(where) is None
        store.keep_draft(where, DRAFT)
        assert store.take_draft(where) == DRAFT
        store.keep_draft(where, StoredDraft(text=""))
        assert store.take_draft(where) is None


def test_each_conversation_has_its_own(store: ConversationStore) -> None:
    first, second = ask(store).conversation_id, ask(store).conversation_id
    for where, text in ((first, "1"), (second, "2"), (None, "3")):
        store.keep_draft(where, StoredDraft(text=text))
    assert [draft.text for one in (first, second, None) if (draft := store.take_draft(one))] == [
        "1",
        "2",
        "3",
    ]


def test_documents_that_are_the_same_are_not_written_again(store: ConversationStore) -> None:
    store.keep_draft(None, DRAFT)
    store.keep_draft(None, StoredDraft(text="more"), has_same_documents=True)
    assert store.take_draft(None) == StoredDraft(text="more", documents=DRAFT.documents)
    store.keep_draft(None, StoredDraft(text="more"))
    assert store.take_draft(None) == StoredDraft(text="more")


def test_a_draft_goes_with_its_conversation_and_is_not_kept_after_it(store: ConversationStore) -> None:
    conversation_id = ask(store).conversation_id
    store.keep_draft(conversation_id, DRAFT)
    store.delete([conversation_id])
    assert store.take_draft(conversation_id) is None
    store.keep_draft(conversation_id, DRAFT)
    assert store.take_draft(conversation_id) is None


def test_the_draft_of_a_process_that_is_gone_is_taken_over_once(
    store: ConversationStore, database: Path
) -> None:
    elsewhere(database, "store.keep_draft(None, StoredDraft(text='left behind'))")
    elsewhere(database, "store.keep_draft(None, StoredDraft(text='and a second'))")
    found = [store.take_draft(None)]
    store.keep_draft(None, StoredDraft(text=""))
    found.append(store.take_draft(None))
    store.keep_draft(None, StoredDraft(text=""))
    assert [draft.text for draft in found if draft] == ["and a second", "left behind"]
    assert store.take_draft(None) is None


def test_the_draft_of_a_window_that_is_open_stays_its_own(store: ConversationStore, database: Path) -> None:
    store.keep_draft(None, DRAFT)
    elsewhere(
        database, "assert store.take_draft(None) is None\nstore.keep_draft(None, StoredDraft(text='x'))"
    )
    assert store.take_draft(None) == DRAFT


@pytest.mark.parametrize("opens_again", [False, True])
def test_half_a_character_does_not_stand_in_the_way(database: Path, opens_again: bool) -> None:
    with closing(ConversationStore.open(database)) as store:
        store.keep_draft(None, StoredDraft(text="\ud800 tail"))
        if not opens_again:
            assert store.take_draft(None) == StoredDraft(text="\ufffd tail")
    with closing(ConversationStore.open(database)) as store:
        assert store.take_draft(None) == StoredDraft(text="\ufffd tail")
