"""Makes the README's pictures from the running app: `python assets/make_screenshots.py [MODEL]`.

MODEL is a name or a .gguf file, by default the configured model. Each question is typed and sent; the model
answers greedily, so the text is the same each time (the speed shown is this machine's). The conversations
live in memory, and nothing of the user's own is shown: the prompts are the shipped ones. The pictures are
chat-light.svg, chat-dark.svg, search.svg, branches.svg, library.svg and sources.svg beside this file.
"""

import asyncio
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from textual.pilot import Pilot

from chatterm.cli.report import Report
from chatterm.cli.wiring import Workspace
from chatterm.conversation import ModelCard
from chatterm.engine.base import CancelToken
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.store import ConversationStore
from chatterm.tasks import Composed, Question, choose_prompt, compose
from chatterm.tui.app import ChattermApp
from chatterm.tui.drafts import Draft
from chatterm.tui.parts import AppParts

CONVERSATIONS = (
    ("Why is the sky blue?",),
    ("What is photosynthesis?",),
    ("How do plants make their food?",),
    (
        "Give me three tips for writing a clear email.",
        "Write a Python function that returns the larger of two numbers.",
    ),
)
DOCUMENTS, ABOUT = "docs", "What stays when reading a document in parts is stopped?"
SOURCES_ROWS = 22
AGAIN = "Write a two-line poem about the sea."
SIZE = (110, 34)
LIMIT_S = 600
FOLDER = Path(__file__).parent
LIGHT, DARK = "textual-light", "textual-dark"
MOST_BYTES = 150_000
KEYS = {" ": "space", "/": "slash", "-": "minus", ".": "full_stop", ",": "comma", "?": "question_mark"}


def parts_for(workspace: Workspace, store: ConversationStore, model: str | None) -> AppParts:
    found = workspace.obtain_model({"model": model}, Report.to_stderr(), CancelToken())
    library = PromptLibrary([PromptFolder("shipped", shipped_prompts())])

    def shape(draft: Draft, card: ModelCard, continues: bool) -> Composed:
        prompt = choose_prompt(library, draft.prompt_id, has_text=True)
        question = Question(
            text=draft.text,
            documents=draft.documents,
            prompt=prompt,
            is_prompt_chosen=draft.prompt_id is not None,
            values=draft.values,
            settings={"temperature": 0.0, **draft.settings},
            continues=continues,
            emergency_number=workspace.config.emergency_number,
        )
        return compose(question, card, {})

    return AppParts(
        store=store,
        open_engine=lambda: workspace.open_engine(found, {}),
        compose=shape,
        model_name=model or workspace.model_name,
        library=library,
    )


class Photographer:
    """Uses the app by its keys, and takes its picture."""

    def __init__(self, app: ChattermApp, pilot: Pilot[None], store: ConversationStore) -> None:
        self._app = app
        self._pilot = pilot
        self._store = store
        self._num_replies = 0
        self.pictures: dict[str, str] = {}

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)
        await self._pilot.pause(0.6)

    async def type(self, text: str) -> None:
        await self._pilot.press(*(KEYS.get(char, char) for char in text))
        await self._pilot.pause(0.6)

    async def resize(self, columns: int, rows: int) -> None:
        await self._pilot.resize_terminal(columns, rows)
        await self._pilot.pause(0.6)

    async def answered(self, *keys: str) -> None:
        """Press keys that ask for a reply, and wait for all of it."""
        self._num_replies += 1
        await self.press(*keys)
        await self.until(self._is_answered)
        await self._pilot.pause(0.5)

    async def command(self, text: str) -> None:
        await self.type(text)
        await self.press("enter")

    async def ask(self, question: str) -> None:
        await self.type(question)
        await self.answered("enter")

    async def until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not is_so():
            assert time.monotonic() < deadline, "the app did not come to it"
            await asyncio.sleep(0.05)

    async def until_quiet(self) -> None:
        """Wait until no notice covers the screen."""
        self._app.clear_notifications()
        await self._pilot.pause(0.6)

    async def take(self, name: str) -> None:
        await self.until_quiet()
        self.pictures[name] = without_fonts(self._app.export_screenshot(title="chatterm"))

    def _is_answered(self) -> bool:
        """Whether all that was asked has its whole reply, and the app is at rest."""
        nodes = [node for one in self._store.conversations() for node in self._store.whole(one.id).messages]
        replies = [
            one for one in nodes if one.node.message.role == "assistant" and one.node.status == "complete"
        ]
        return len(replies) == self._num_replies and not self._app.chat.pane.is_replying


async def photograph(app: ChattermApp, store: ConversationStore) -> Mapping[str, str]:
    """Have every conversation; return the pictures by name."""
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        shown = Photographer(app, pilot, store)
        for questions in CONVERSATIONS:
            await shown.press("ctrl+n")
            for question in questions:
                await shown.ask(question)
        await shown.take("chat-dark")
        app.theme = LIGHT
        await shown.take("chat-light")
        app.theme = DARK
        await branches(shown)
        await shown.press("ctrl+f")
        await shown.type("plants")
        await shown.take("search")
        await shown.press("escape", "ctrl+n", "ctrl+l")
        await shown.type("lesson")
        await shown.press("enter")
        await shown.take("library")
        await shown.press("escape", "escape")
        await sources(shown)
        return shown.pictures


async def branches(shown: Photographer) -> None:
    """Ask for other replies to one question, and stand at the second of three."""
    await shown.press("ctrl+n")
    await shown.ask(AGAIN)
    for seed in (1, 2):
        await shown.command("/set temperature 0.7")
        await shown.command(f"/set seed {seed}")
        await shown.answered("ctrl+r")
    await shown.press("shift+tab", "backspace", "shift+tab", "backspace", "shift+tab")
    await shown.press("k")
    await shown.press("left")
    await shown.take("branches")
    await shown.press("escape")


async def sources(shown: Photographer) -> None:
    """Ask about the project's own documents, and list the lines that the answer rests on."""
    await shown.press("ctrl+n")
    await shown.command(f"/file {DOCUMENTS}")
    await shown.ask(ABOUT)
    await shown.resize(SIZE[0], SOURCES_ROWS)
    await shown.press("f5")
    await shown.take("sources")
    await shown.press("escape")
    await shown.resize(*SIZE)


def without_fonts(picture: str) -> str:
    """Return the picture in the viewer's own monospaced font: it is to load nothing from anywhere."""
    return re.sub(r"@font-face\s*\{.*?\}\s*", "", picture, flags=re.DOTALL)


def main(model: str | None = None) -> None:
    workspace = Workspace.from_environment()
    with closing(ConversationStore.in_memory()) as store:
        pictures = asyncio.run(photograph(ChattermApp(parts_for(workspace, store, model)), store))
    for name, picture in pictures.items():
        assert len(picture) < MOST_BYTES, f"{name}: {len(picture):,} bytes are too many"
        assert str(Path.home()) not in picture, f"{name} shows a path of this machine"
        (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")
        print(f"{name}.svg: {len(picture):,} characters")


if __name__ == "__main__":
    main(*sys.argv[1:])
