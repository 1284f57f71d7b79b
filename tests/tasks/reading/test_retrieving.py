"""Questions that are answered from the parts they are about."""

from chatterm.conversation import Document
from chatterm.store import ConversationStore
from chatterm.tasks.reading.events import NotRead, ReadingNotice
from tests.support.reading_engine import ReadingEngine
from tests.tasks.reading.test_answering import NUM, TOWNS, about, numbers, reply, run


def test_a_question_reads_what_it_is_about_and_says_what_was_not(store: ConversationStore) -> None:
    engine = ReadingEngine(lambda _: "392 euros.", 800)
    events = run(store, engine, about("assistant/chat", "Who got what from Town41 and hill7?"))
    (asked,) = engine.asked
    assert {7, 41} <= set(numbers([asked]))
    assert asked.index("Town7 ") < asked.index("Town41 ") < asked.index("Who got what")
    (unread,) = [one for one in events if isinstance(one, NotRead)]
    read = {number for number in range(NUM) if f"Town{number} " in asked}
    spans = [tuple(map(int, one.partition(" lines ")[2].split("-"))) for one in unread.places]
    missing = {line for first, last in spans for line in range(first, last + 1)}
    assert {2 * number + 1 for number in range(NUM)} - missing == {2 * number + 1 for number in read}
    assert not unread.is_failure
    assert reply(events) == "392 euros."


def test_of_a_long_line_it_is_told_that_not_all_of_it_was_read(store: ConversationStore) -> None:
    text = f"Short.\n{TOWNS.replace(chr(10), ' ')}\n\nEnd."
    engine = ReadingEngine(lambda _: "392 euros.", 800)
    question = about("assistant/chat", "What did Town41 pay?", Document("a.txt", text, len(text)))
    events = run(store, engine, question)
    assert "Town41 " in engine.asked[0]
    (unread,) = [one for one in events if isinstance(one, NotRead)]
    assert unread.places == ("a.txt, line 1", "a.txt, line 2 (in part)", "a.txt, lines 3-4")
    assert (unread.num_lines, unread.total_lines) == (3, 4)


def test_a_question_without_a_word_of_the_document_reads_its_beginning(store: ConversationStore) -> None:
    engine = ReadingEngine(lambda _: "no")
    events = run(store, engine, about("assistant/chat", "Quantum chromodynamics?"))
    assert "Town0 " in engine.asked[0]
    (notice,) = [one for one in events if isinstance(one, ReadingNotice)]
    assert "no part" in notice.text
