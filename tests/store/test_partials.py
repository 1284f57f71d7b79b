"""Partial results: the newest of each part, whatever conversation it is of, as long as that is there."""

import threading
from contextlib import closing
from pathlib import Path

from chatterm.store import ConversationStore
from chatterm.store.partials import OF_TASK
from chatterm.store.salvage import salvage
from chatterm.store.upkeep import back_up
from tests.store.samples import answer, ask, integrity, raw
from tests.store.test_organising import files_with, secrets

TASK, OTHER = "ab" * 32, "cd" * 32


def test_what_is_kept_comes_back_by_position(store: ConversationStore) -> None:
    cid = ask(store).conversation_id
    for position, text in ((2, "third"), (0, "第一 \x1b[2J"), (1, "half a \ud800 character")):
        store.keep_partial(cid, TASK, position, text)
    store.keep_partial(cid, OTHER, 0, "of another task")
    assert store.partials(TASK) == {0: "第一 \x1b[2J", 1: "half a \ufffd character", 2: "third"}
    assert store.partials("ef" * 32) == {}


def test_the_newest_wins_over_all_conversations(store: ConversationStore) -> None:
    first, second = (ask(store).conversation_id for _ in range(2))
    store.keep_partial(first, TASK, 0, "old")
    store.keep_partial(first, TASK, 1, "only here")
    store.keep_partial(second, TASK, 0, "new")
    assert store.partials(TASK) == {0: "new", 1: "only here"}
    store.keep_partial(first, TASK, 0, "newest")
    assert store.partials(TASK)[0] == "newest"
    store.delete([first])
    assert store.partials(TASK) == {0: "new"}


def test_a_task_tells_which_questions_it_answers_and_how_they_were_asked(
    store: ConversationStore, database: Path
) -> None:
    first, second = ask(store), ask(store)
    assert (store.task_questions(TASK), store.task_details(first.id)) == ([], {})
    store.begin_task(TASK, first, {"prompt": "legal/clauses", "values": {"party": "买方"}})
    store.begin_task(TASK, second, {})
    store.begin_task(OTHER, second, {"prompt": "general/summarize"})
    assert store.task_questions(TASK) == [second.id, first.id]
    assert store.task_details(first.id) == {"prompt": "legal/clauses", "values": {"party": "买方"}}
    assert store.task_details(second.id) == {"prompt": "general/summarize"}
    assert store.partials(TASK) == {}
    again = store.append(first.conversation_id, None, first.message)
    store.begin_task(TASK, again, {})
    assert store.task_questions(TASK) == [again.id, second.id]
    assert store.task_details(first.id) == {}
    with raw(database) as connection:
        connection.execute("DELETE FROM message WHERE id = ?", (second.id,))
        assert store.task_questions(TASK) == [again.id]
        connection.execute("UPDATE partial_result SET content = '{' WHERE task = ?", (TASK,))
    assert store.task_questions(TASK) == []


def test_the_parts_of_a_question_are_those_of_its_newest_task_wherever_they_were_read(
    store: ConversationStore,
) -> None:
    first, second = ask(store), ask(store)
    store.keep_partial(first.conversation_id, TASK, 0, "of no question yet")
    assert store.num_partials(first.id) == 0
    store.begin_task(TASK, first, {})
    assert store.num_partials(first.id) == 1
    store.keep_partial(first.conversation_id, TASK, 4, "another")
    for position in (1, 4):
        store.keep_partial(second.conversation_id, TASK, position, "of the same task elsewhere")
    assert (store.num_partials(first.id), store.num_partials(second.id)) == (3, 0)
    store.begin_task(TASK, second, {})
    assert store.num_partials(second.id) == len(store.partials(TASK)) == 3
    store.begin_task(OTHER, first, {})
    assert store.num_partials(first.id) == 0
    store.keep_partial(first.conversation_id, OTHER, 0, "of the newest")
    assert store.num_partials(first.id) == 1
    again = store.append(first.conversation_id, None, first.message)
    store.begin_task(OTHER, again, {})
    assert (store.num_partials(again.id), store.num_partials(first.id)) == (1, 3)
    assert store.num_partials("aaaabbbbccccdddd") == 0


def test_nothing_is_kept_for_a_conversation_that_is_gone(store: ConversationStore, database: Path) -> None:
    store.keep_partial("aaaabbbbccccdddd", TASK, 0, "too late")
    assert store.partials(TASK) == {}
    assert integrity(database) == "ok"


def test_of_two_processes_at_one_task_nothing_is_kept_twice(store: ConversationStore, database: Path) -> None:
    cid = ask(store).conversation_id

    def work(name: str) -> None:
        with closing(ConversationStore.open(database)) as other:
            for position in range(20):
                other.keep_partial(cid, TASK, position, f"{name} {position}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [text.partition(" ")[2] for _, text in sorted(store.partials(TASK).items())] == [
        str(position) for position in range(20)
    ]
    with raw(database) as connection:
        assert connection.execute("SELECT count(*) FROM partial_result").fetchone() == (20,)


def test_the_table_is_not_read_to_find_a_task(store: ConversationStore, database: Path) -> None:
    """100,000 rows of other tasks cost 40 ms where they are all read."""
    with raw(database) as connection:
        found = connection.execute(f"EXPLAIN QUERY PLAN SELECT p.content {OF_TASK}", (TASK,))
        plan = " ".join(row[3] for row in found)
    assert "SCAN p" not in plan
    assert "(conversation_id=? AND task=?)" in plan


def test_they_are_in_no_export_and_in_every_copy(store: ConversationStore, tmp_path: Path) -> None:
    question = ask(store)
    answer(store, question)
    store.keep_partial(question.conversation_id, TASK, 0, "part")
    with closing(ConversationStore.in_memory()) as elsewhere:
        elsewhere.add_whole([store.whole(question.conversation_id)])
        assert elsewhere.partials(TASK) == {}
    source = next((tmp_path / "data").glob("*.db"))
    back_up(source, tmp_path / "backup.db")
    salvage(source, tmp_path / "salvaged.db")
    for name in ("backup.db", "salvaged.db"):
        with closing(ConversationStore.open(tmp_path / name)) as copy:
            assert copy.partials(TASK) == {0: "part"}


def test_deleted_with_their_conversation_they_are_in_none_of_the_files(
    store: ConversationStore, database: Path
) -> None:
    words = {ask(store).conversation_id: secrets(number, 15) for number in range(6)}
    for position in range(15):
        for cid, parts in words.items():
            store.keep_partial(cid, TASK, position, f"{parts[position]} " * 40)
            store.keep_partial(cid, TASK, position, f"{parts[position]} said anew " * (position + 1))
    gone = list(words)[::2]
    assert files_with(database, words[gone[0]]) != {}
    store.delete(gone)
    store.erase_deleted()
    assert files_with(database, [word for cid in gone for word in words[cid]]) == {}
    assert len(store.partials(TASK)) == 15
    assert integrity(database) == "ok"
