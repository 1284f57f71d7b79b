"""Drafts between the composer and the store."""

import time

from textual.message import Message

from chatterm.conversation import Document
from chatterm.store import ConversationStore, StoredDraft
from chatterm.tui.draft_keeper import DELAY_S, DraftKeeper
from chatterm.tui.drafts import Draft
from chatterm.tui.events import NoticeGiven

FULL = Draft(
    text="half a thought",
    documents=(Document("a.txt", "alpha", 5, ("a notice",)),),
    prompt_id="general/summarize",
    values={"tone": "dry"},
    system="Be brief.",
    settings={"temperature": 0.5, "stop": ["."]},
)


def nothing(_event: Message) -> None:
    pass


def test_a_draft_comes_back_whole(store: ConversationStore) -> None:
    first = DraftKeeper(store, nothing)
    first.keep(None, FULL)
    first.flush()
    back = DraftKeeper(store, nothing).take(None)
    assert back.text == FULL.text
    assert back.documents == FULL.documents
    assert (back.prompt_id, dict(back.values), back.system) == (FULL.prompt_id, {"tone": "dry"}, "Be brief.")
    assert back.settings["temperature"] == 0.5


def test_it_is_written_soon_without_being_asked(store: ConversationStore) -> None:
    keeper = DraftKeeper(store, nothing)
    keeper.keep(None, FULL)
    deadline = time.monotonic() + 20
    while (kept := store.take_draft(None)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert kept.text == FULL.text
    assert DELAY_S <= 0.15, "with a write it must stay below a quarter of a second"


def test_what_is_stored_and_does_not_fit_is_left_out(store: ConversationStore) -> None:
    details = {"prompt_id": 5, "values": ["no"], "system": None, "settings": {"temperature": 1, "evil": 2}}
    store.keep_draft(None, StoredDraft(text="text", documents=(), details=details))
    back = DraftKeeper(store, nothing).take(None)
    assert back == Draft(text="text", settings={"temperature": 1})


def test_a_store_that_fails_is_told_once_and_the_draft_stays_in_the_session(
    store: ConversationStore,
) -> None:
    told: list[Message] = []
    keeper = DraftKeeper(store, told.append)
    store.close()
    for text in ("a", "ab"):
        keeper.keep("one", Draft(text=text))
        keeper.flush()
    assert [type(event) for event in told] == [NoticeGiven]
    assert keeper.take("one").text == "ab"
