"""The list of conversations by keys: filter, rename, pin, archive, tags, deletion and its undoing."""

from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from chatterm.tui.deleting import RecycleBin
from chatterm.tui.widgets.sidebar import MARK, Sidebar
from tests.tui.driving import Driver, parts_of, running, tell
from tests.tui.engines import HeldEngine
from tests.tui.test_inert import FOREIGN, SHOWN, assert_clean, assert_inert


def titles(store: ConversationStore, *, archived: bool | None = None) -> set[str]:
    return {one.title for one in store.conversations(archived=archived)}


def listed(app: Driver) -> list[str]:
    """What the list shows, headings too."""
    return [str(option.prompt) for option in app.app.chat.query_one(Sidebar).options]


async def go_to_list(app: Driver, *titles: str) -> None:
    await app.until_shown(*titles)
    await app.press("f3", "down")


async def test_a_conversation_is_renamed_from_the_list(store: ConversationStore) -> None:
    conversation_id = tell(store, ["q", "a"], title="old name")
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "old name")
        await app.press("e")
        await app.until_shown("a title is made again")
        await app.press("end", *"2", "enter")
        await app.until(lambda: "old name2" in listed(app))
        assert store.whole(conversation_id).has_own_title
        await app.press("e", "escape")
        assert store.summary(conversation_id).title == "old name2"


async def test_a_pinned_conversation_stands_on_top_and_can_be_let_go(store: ConversationStore) -> None:
    tell(store, ["q", "a"], title="older")
    tell(store, ["q", "a"], title="newer")
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "older")
        await app.press("down", "p")
        await app.until(lambda: listed(app) == ["Pinned", "older", "Today", "newer"])
        await app.press("p")
        await app.until(lambda: listed(app) == ["Today", "newer", "older"])
        assert app.app.chat.panel.query_one(Sidebar).highlighted == 2, "the cursor left"


async def test_an_archived_conversation_hides_until_it_is_asked_for(store: ConversationStore) -> None:
    tell(store, ["q", "a"], title="put away")
    tell(store, ["q", "a"], title="in use")
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "put away")
        await app.press("down", "a")
        await app.until(lambda: listed(app) == ["Today", "in use"])
        await app.until_shown("h shows what is")
        await app.press("h")
        await app.until(lambda: listed(app) == ["Today", "put away"])
        await app.until_shown("Archived (h: back)")
        await app.press("down", "a")
        await app.until(lambda: listed(app) == ["Nothing found"])
        await app.press("h")
        await app.until(lambda: listed(app) == ["Today", "in use", "put away"])


async def test_tags_are_given_shown_and_filtered_by(store: ConversationStore) -> None:
    tell(store, ["q", "a"], title="plain")
    tagged = tell(store, ["q", "a"], title="report")
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "report")
        await app.press("t")
        await app.until_shown("Separated by commas")
        await app.type("work, q3")
        await app.press("enter")
        await app.until(lambda: "report #q3 #work" in listed(app))
        assert set(store.summary(tagged).tags) == {"work", "q3"}
        await app.press("slash")
        await app.type("#wo REP")
        await app.until(lambda: listed(app) == ["Today", "report #q3 #work"])
        await app.press("enter", "t", "ctrl+u", *"work", "enter")
        await app.until(lambda: store.summary(tagged).tags == ("work",))
        await app.press("escape")
        await app.until(lambda: len(listed(app)) == 3)


async def test_a_tag_that_is_too_long_is_told_in_the_dialog(store: ConversationStore) -> None:
    tell(store, ["q", "a"], title="report")
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "report")
        await app.press("t")
        await app.paste("t" * 60)
        await app.press("enter")
        await app.until_shown("a tag has 1 to 50 characters")
        await app.press("escape")
        await app.until(lambda: "a tag has" not in app.screen)


async def test_a_filter_that_finds_nothing_says_so_and_escape_drops_it(store: ConversationStore) -> None:
    tell(store, ["q", "a"], title="北京的天气")
    tell(store, ["q", "a"], title="other")
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "other")
        await app.press("slash")
        await app.paste("天气")
        await app.until(lambda: listed(app) == ["Today", "北京的天气"])
        await app.type("zz")
        await app.until(lambda: listed(app) == ["Nothing found"])
        await app.press("escape")
        await app.until(lambda: len(listed(app)) == 3)
        await app.press("escape")
        await app.until(lambda: app.app.focused is not None and type(app.app.focused).__name__ == "Composer")


def full(store: ConversationStore) -> str:
    """A conversation with all that one can have."""
    conversation_id = tell(store, ["first question", "first answer", "second question"], title="precious")
    path = store.path(conversation_id)
    store.append(conversation_id, path[0].id, Message("assistant", "another first answer"))
    store.attach(path[0].id, "notes.txt", b"attached bytes")
    store.add_tag(conversation_id, "work")
    store.set_pinned(conversation_id, True)
    return conversation_id


async def test_deletion_asks_with_the_title_and_can_be_undone(store: ConversationStore) -> None:
    conversation_id = full(store)
    before = store.whole(conversation_id)
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "precious")
        await app.press("d")
        await app.until_shown("Delete this conversation", "precious")
        await app.press("n")
        await app.until(lambda: "Delete this" not in app.screen)
        assert titles(store) == {"precious"}
        await app.press("d", "y")
        await app.until(lambda: not store.conversations())
        await app.until_shown("Ctrl+Z", "Nothing yet")
        await app.press("ctrl+z")
        await app.until(lambda: bool(store.conversations()))
        await app.until_shown("precious")
        assert store.whole(conversation_id) == before
        await app.press("ctrl+z")
        await app.until_shown("Nothing was deleted")


async def test_several_are_deleted_at_once_and_come_back_together(store: ConversationStore) -> None:
    for name in ("one", "two", "three"):
        tell(store, ["q", "a"], title=name)
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "one")
        await app.press("space", "space")
        assert [row for row in listed(app) if row.startswith(MARK)] == [f"{MARK}three", f"{MARK}two"]
        await app.press("delete")
        await app.until_shown("these 2 conversations", "three", "two")
        await app.press("enter")
        await app.until(lambda: titles(store) == {"one"})
        await app.press("ctrl+z")
        await app.until(lambda: titles(store) == {"one", "two", "three"})


async def test_the_conversation_on_screen_is_left_when_it_is_deleted_and_shown_when_it_is_back(
    store: ConversationStore,
) -> None:
    conversation_id = tell(store, ["my question", "my answer"], title="on screen")
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("my answer")
        await app.press("f3", "d", "y")
        await app.until_shown("Ask anything below.")
        await app.press("ctrl+z")
        await app.until_shown("my answer")


async def test_deleting_where_a_reply_is_written_stops_it_first(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        await app.press("f3", "down", "d", "y")
        await app.until(lambda: not store.conversations())
        await app.until_idle()
        await app.until_shown("Ask anything below.")
        assert "not saved" not in app.screen
        await app.press("ctrl+z")
        await app.until_shown("One")
    (summary,) = store.conversations()
    assert store.path(summary.id)[-1].status == "stopped"


async def test_what_was_deleted_is_in_no_file_when_the_session_ends(tmp_path: Path) -> None:
    store = ConversationStore.open(tmp_path / "kept.db")
    tell(store, ["a secret word: kolibri", "noted"], title="kolibri")
    tell(store, ["q", "a"], title="other")
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "kolibri")
        await app.press("down", "d", "y")
        await app.until(lambda: titles(store) == {"other"})
        await app.until(lambda: app.app.chat.organiser.bin.must_erase)
        await app.press("ctrl+q")
    app.app.close_parts()
    assert not [path.name for path in tmp_path.iterdir() if b"kolibri" in path.read_bytes()]
    store.close()


def test_what_a_killed_session_deleted_is_erased_at_the_end_of_the_next(tmp_path: Path) -> None:
    killed = ConversationStore.open(tmp_path / "kept.db")
    gone = tell(killed, ["a secret word: kolibri", "noted"], title="kolibri")
    RecycleBin(killed).delete([gone])
    following = ConversationStore.open(tmp_path / "kept.db")
    RecycleBin(following).erase()
    assert not following.must_erase
    assert not [path.name for path in tmp_path.iterdir() if b"kolibri" in path.read_bytes()]
    killed.close()
    following.close()


async def test_what_was_erased_can_still_be_brought_back_in_the_session(store: ConversationStore) -> None:
    tell(store, ["a secret word: kolibri", "noted"], title="kolibri")
    async with running(parts_of(store, EchoEngine())) as app:
        await go_to_list(app, "kolibri")
        await app.press("d", "y")
        await app.until(lambda: not store.conversations())
        app.app.chat.organiser.bin.erase()
        await app.press("ctrl+z")
        await app.until(lambda: "kolibri" in titles(store))


async def test_in_an_empty_list_the_keys_do_nothing(store: ConversationStore) -> None:
    async with running(parts_of(store, EchoEngine())) as app:
        await app.until_shown("Nothing yet")
        await app.press("f3", "e", "t", "p", "a", "d", "space")
        assert app.app.screen is app.app.chat
        await app.press("escape")
        await app.until_idle()
    assert not store.conversations()


async def test_a_title_of_megabytes_is_cut_with_a_mark(store: ConversationStore) -> None:
    conversation_id = store.create_conversation("x" * 5_000_000)
    async with running(parts_of(store, EchoEngine()), size=(40, 16)) as app:
        await app.press("f3")
        await app.until(lambda: len(listed(app)) == 2)
        await app.press("down", "e")
        await app.until_shown("Title")
        await app.press("escape", "d")
        await app.until_shown("Delete this conversation", "xxx", "…")
        await app.press("escape")
        assert store.summary(conversation_id).title


async def test_deleting_takes_the_queued_questions_along(store: ConversationStore) -> None:
    engine = HeldEngine(["One ", "two"])
    async with running(parts_of(store, engine)) as app:
        await app.ask("count")
        engine.say()
        await app.until_shown("One")
        await app.ask("and then?")
        await app.until_shown("queued")
        await app.press("f3", "down", "d", "y")
        await app.until(lambda: not store.conversations())
        await app.until_idle()
        await app.until_shown("Ask anything below.")
        assert "no message" not in app.screen
    assert not store.conversations()


async def test_what_is_typed_stays_when_the_conversation_on_screen_is_deleted(
    store: ConversationStore,
) -> None:
    conversation_id = tell(store, ["my question", "my answer"], title="on screen")
    async with running(parts_of(store, EchoEngine(), conversation_id=conversation_id)) as app:
        await app.until_shown("my answer")
        await app.type("half a thought")
        await app.press("f3", "d", "y")
        await app.until_shown("Ask anything below.")
        assert "not saved" not in app.screen
        await app.press("ctrl+z")
        await app.until_shown("my answer")


@pytest.mark.parametrize(("text", "shown"), zip(FOREIGN, SHOWN, strict=True))
async def test_titles_and_tags_are_inert_in_the_dialogs(
    store: ConversationStore, text: str, shown: tuple[str, ...]
) -> None:
    conversation_id = store.create_conversation(text)
    store.add_tag(conversation_id, text[:20])
    async with running(parts_of(store, EchoEngine()), size=(160, 40)) as app:
        await app.until(lambda: len(listed(app)) == 2)
        await app.press("f3", "down", "d")
        await app.until_shown("Delete this conversation")
        await assert_inert(app, [shown[0][:25]])
        await app.press("n", "e")
        await app.until_shown("a title is made again")
        assert_clean(app.screen)
        await app.press("escape", "t")
        await app.until_shown("Separated by commas")
        assert_clean(app.screen)
        await app.press("escape", "f1")
        await app.until_shown("Keys")
