"""What `benchmarks/app.py` fills a database with: 10,000 short conversations and one of 2,000 messages."""

import random
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatterm.conversation import Message, MessageNode
from chatterm.store import ConversationStore, WholeConversation, WholeMessage
from chatterm.store.whole import derived_id

PER_COMMIT = 500
WORDS = ("light", "water", "time", "people", "engine", "paper", "river", "question", "answer", "because")
LONG_TITLE, STREAMED_TITLE = "the long conversation", "the streamed one"
STREAMED_ID = derived_id("conversation", STREAMED_TITLE)


def fill(path: Path, num_conversations: int, num_messages: int) -> None:
    """Make the database: the long conversation is its newest, then comes the one that is to be streamed."""
    chance = random.Random(0)
    made = [
        conversation(LONG_TITLE, 0, [message_text(number, chance) for number in range(num_messages)]),
        conversation(STREAMED_TITLE, 1, [markdown(chance, 30), "the end of it"]),
        *(
            conversation(f"short {number}", number, [message_text(part, chance) for part in range(2)])
            for number in range(2, num_conversations)
        ),
    ]
    with closing(ConversationStore.open(path)) as store:
        for first in range(0, len(made), PER_COMMIT):
            store.add_whole(made[first : first + PER_COMMIT])


def conversation(title: str, age: int, texts: Sequence[str]) -> WholeConversation:
    """Return one of so many hours of age."""
    identity = derived_id("conversation", title)
    created = (datetime.now(UTC) - timedelta(hours=age)).isoformat(timespec="microseconds")
    messages: list[WholeMessage] = []
    for number, text in enumerate(texts):
        node = MessageNode(
            id=derived_id("message", title, str(number)),
            conversation_id=identity,
            parent_id=messages[-1].node.id if messages else None,
            message=Message("assistant" if number % 2 else "user", text),
            status="complete",
            created=created,
        )
        messages.append(WholeMessage(node=node))
    return WholeConversation(
        id=identity,
        title=title,
        has_own_title=True,
        created=created,
        updated=created,
        active_leaf=messages[-1].node.id,
        messages=tuple(messages),
    )


def message_text(number: int, chance: random.Random) -> str:
    """A question that begins with its mark, or a reply in Markdown that ends with it."""
    if number % 2 == 0:
        return f"{mark(number)} {sentence(chance, 12)}"
    return f"{markdown(chance, 1 + number % 3)}\n\n{mark(number)}"


def mark(number: int) -> str:
    return f"m{number:04}"


def sentence(chance: random.Random, length: int) -> str:
    return " ".join(chance.choices(WORDS, k=length)).capitalize() + "."


def markdown(chance: random.Random, num_parts: int) -> str:
    """Return paragraphs, a list, code and a table, so many times."""
    return "\n\n".join(
        f"{sentence(chance, 30)} **{sentence(chance, 3)}** {sentence(chance, 20)}\n\n"
        f"- {sentence(chance, 8)}\n- {sentence(chance, 9)}\n- `{sentence(chance, 2)}`\n\n"
        f"```python\ndef answer(question: str) -> str:\n    return question  # {sentence(chance, 4)}\n```\n\n"
        f"| one | two |\n|---|---|\n| {sentence(chance, 2)} | {sentence(chance, 3)} |"
        for _ in range(num_parts)
    )
