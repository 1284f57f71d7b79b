"""Makes the README's picture from the running app: `python assets/make_screenshots.py [MODEL]`.

MODEL is a name or a .gguf file, by default the configured model. Each question is typed and sent; the model
answers greedily, so the text is the same each time (the speed shown is this machine's). The conversations
live in memory, and nothing of the user's own is shown. The picture is assets/chat.svg.
"""

import asyncio
import re
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from chatterm.cli.report import Report
from chatterm.cli.wiring import Workspace
from chatterm.conversation import ModelCard
from chatterm.engine.base import CancelToken
from chatterm.store import ConversationStore
from chatterm.tasks import Composed, Question, choose_prompt, compose
from chatterm.tui.app import ChattermApp
from chatterm.tui.drafts import Draft
from chatterm.tui.parts import AppParts

CONVERSATIONS = (
    ("Why is the sky blue?",),
    ("What is photosynthesis?",),
    ("Give me three tips for writing a clear email.", "Write a Python function that reverses a string."),
)
SIZE = (100, 34)
LIMIT_S = 600
PICTURE = Path(__file__).with_name("chat.svg")


def parts_for(workspace: Workspace, store: ConversationStore, model: str | None) -> AppParts:
    found = workspace.obtain_model({"model": model}, Report.to_stderr(), CancelToken())
    library = workspace.prompt_library()

    def shape(draft: Draft, card: ModelCard, continues: bool) -> Composed:
        prompt = choose_prompt(library, None, has_text=True)
        question = Question(
            text=draft.text,
            prompt=prompt,
            settings={"temperature": 0.0},
            continues=continues,
            emergency_number=workspace.config.emergency_number,
        )
        return compose(question, card, {})

    return AppParts(
        store=store,
        open_engine=lambda: workspace.open_engine(found, {}),
        compose=shape,
        model_name=model or workspace.model_name,
    )


def is_answered(app: ChattermApp, store: ConversationStore, num_questions: int) -> bool:
    """Whether all that was asked has its whole reply, and the app is at rest."""
    paths = (store.path(one.id) for one in store.conversations())
    replies = [n for path in paths for n in path if n.message.role == "assistant" and n.status == "complete"]
    return len(replies) == num_questions and not app.chat.pane.is_replying


async def take(app: ChattermApp, store: ConversationStore) -> str:
    """Have every conversation; return the last one's screen."""
    async with app.run_test(size=SIZE) as pilot:

        async def until(is_so: Callable[[], bool]) -> None:
            deadline = time.monotonic() + LIMIT_S
            while not is_so():
                assert time.monotonic() < deadline, "the app did not come to it"
                await asyncio.sleep(0.05)

        asked = 0
        for questions in CONVERSATIONS:
            await pilot.press("ctrl+n")
            for question in questions:
                await pilot.press(*("space" if char == " " else char for char in question), "enter")
                asked += 1
                await until(partial(is_answered, app, store, asked))
        await pilot.pause(0.5)
        return without_fonts(app.export_screenshot(title="chatterm"))


def without_fonts(picture: str) -> str:
    """Return the picture in the viewer's own monospaced font: it is to load nothing from anywhere."""
    return re.sub(r"@font-face\s*\{.*?\}\s*", "", picture, flags=re.DOTALL)


def main(model: str | None = None) -> None:
    workspace = Workspace.from_environment()
    with closing(ConversationStore.in_memory()) as store:
        picture = asyncio.run(take(ChattermApp(parts_for(workspace, store, model)), store))
    PICTURE.write_text(picture, encoding="utf-8")
    print(f"{PICTURE}: {len(picture):,} characters")


if __name__ == "__main__":
    main(*sys.argv[1:])
