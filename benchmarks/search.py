"""Search over a million messages: a rare term within 100 ms, the commonest within 200 ms.

    python benchmarks/search.py [--messages 1000000] [--database FILE] [--rounds 9]

The messages are made up, with words by Zipf's law, a third of them Chinese; making them takes minutes, so a
database that was kept with --database is used again. Each search is the store's whole answer, snippets
included; the first of each, in a database just opened, is told apart. Exits 1 where a limit is missed.
"""

import argparse
import random
import sys
import tempfile
import time
from contextlib import closing
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import Row, write_results
from chatterm.conversation import Message, MessageNode
from chatterm.store import ConversationStore, WholeConversation, WholeMessage
from chatterm.store.whole import derived_id

PER_CONVERSATION = 20
PER_COMMIT = 500
RARE, RARE_CHINESE = "quokka", "量子纠缠"
EVERY = 100_000
"""Each so many messages one holds the rare terms."""

SEARCHES = {
    "a rare word": (RARE, 100),
    "a rare Chinese phrase": (RARE_CHINESE, 100),
    "the commonest word": ("the", 200),
    "the commonest Chinese character": ("的", 200),
    "a common Chinese phrase": ("的一", 200),
    "a rare and the commonest word": (f"{RARE} the", 200),
    "a word that is nowhere": ("zyzzyva", 100),
}
"""What is searched for, and the limit in milliseconds."""


class Language:
    """Words whose frequency falls with their rank."""

    def __init__(self, words: list[str], separator: str, chance: random.Random) -> None:
        self._words = words
        self._weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
        self._separator = separator
        self._chance = chance

    def text(self, length: int) -> str:
        return self._separator.join(self._chance.choices(self._words, cum_weights=self._weights, k=length))


def make(store: ConversationStore, num_messages: int) -> None:
    """Fill the store with conversations of PER_CONVERSATION messages each."""
    chance = random.Random(0)
    english = Language(["the", "of", "and", *(f"w{number:x}" for number in range(50_000))], " ", chance)
    chinese = Language(["的", "一", "是", *map(chr, range(0x4E00, 0x4E00 + 6_000))], "", chance)
    waiting: list[WholeConversation] = []
    for number in range(num_messages // PER_CONVERSATION):
        first = number * PER_CONVERSATION
        waiting.append(conversation(first, english, chinese, chance))
        if len(waiting) == PER_COMMIT:
            store.add_whole(waiting)
            waiting = []
            print(f"\r  {first + PER_CONVERSATION:,} messages", end="", file=sys.stderr)
    store.add_whole(waiting)
    print(file=sys.stderr)


def conversation(
    first: int, english: Language, chinese: Language, chance: random.Random
) -> WholeConversation:
    identity = derived_id("conversation", str(first))
    created = "2026-01-01T00:00:00.000000+00:00"
    messages: list[WholeMessage] = []
    for number in range(first, first + PER_CONVERSATION):
        text = (
            chinese.text(chance.randint(5, 120)) if number % 3 == 0 else english.text(chance.randint(5, 80))
        )
        if number % EVERY == EVERY // 2:
            text = f"{text} {RARE} {RARE_CHINESE} the"
        node = MessageNode(
            id=derived_id("message", str(number)),
            conversation_id=identity,
            parent_id=messages[-1].node.id if messages else None,
            message=Message("assistant" if number % 2 else "user", text),
            status="complete",
            created=created,
        )
        messages.append(WholeMessage(node=node))
    return WholeConversation(
        id=identity,
        title=english.text(5),
        has_own_title=True,
        created=created,
        updated=created,
        active_leaf=messages[-1].node.id,
        messages=tuple(messages),
    )


def timed(store: ConversationStore, query: str) -> float:
    """Milliseconds of one search."""
    begun = time.perf_counter()
    store.search(query)
    return (time.perf_counter() - begun) * 1e3


def measure(path: Path, rounds: int) -> tuple[list[Row], list[str]]:
    """Return the figures, and what missed its limit."""
    rows, missed = [], []
    for name, (query, limit) in SEARCHES.items():
        with closing(ConversationStore.open(path)) as store:
            first, *figures = sorted_after_first([timed(store, query) for _ in range(rounds + 1)])
        median = figures[len(figures) // 2]
        rows.append(Row(f"{name} (limit {limit} ms)", "first", first, first, first, "ms", None))
        rows.append(Row(name, "then", median, figures[0], figures[-1], "ms", None))
        missed += [name] if max(first, median) > limit else []
    return rows, missed


def sorted_after_first(figures: list[float]) -> list[float]:
    return [figures[0], *sorted(figures[1:])]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--database", type=Path, help="kept, and used again where it is there")
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.database or Path(folder) / "chatterm.db"
        if not path.exists():
            with closing(ConversationStore.open(path)) as store:
                make(store, chosen.messages)
        rows, missed = measure(path, chosen.rounds)
        extra = {
            "command": "python benchmarks/search.py",
            "messages": f"{chosen.messages:,}",
            "database": f"{path.stat().st_size / 1e6:,.0f} MB",
        }
    write_results("search", "Search", rows, extra, is_kept=chosen.messages >= 1_000_000)
    if missed:
        sys.exit(f"over the limit: {', '.join(missed)}")


if __name__ == "__main__":
    main()
