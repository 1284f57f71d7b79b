"""Drives the app by key presses, and waits for what should come instead of for a time."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from textual.app import App
from textual.events import Key, Paste
from textual.pilot import Pilot

from chatterm.conversation import Message, ModelCard
from chatterm.engine.base import Engine, SamplingParams
from chatterm.prompts import PromptFolder, PromptLibrary, PromptTemplate
from chatterm.resources import shipped_prompts
from chatterm.session import TurnRequest
from chatterm.store import ConversationStore
from chatterm.tasks import Composed, Question
from chatterm.tasks.question import CHAT
from chatterm.tui.app import ChattermApp
from chatterm.tui.drafts import Draft
from chatterm.tui.parts import AppParts
from chatterm.tui.widgets.composer import Composer

KEYS: Mapping[str, str] = {" ": "space", "\n": "ctrl+j"}


SHIPPED = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
CHAT_PROMPT = SHIPPED.get(CHAT)


def question_of(draft: Draft, prompt: PromptTemplate = CHAT_PROMPT) -> Question:
    return Question(text=draft.text, prompt=prompt, emergency_number="112")


def compose(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
    """Shape a draft without a prompt library: as it is."""
    request = TurnRequest(messages=(Message("user", draft.text),), title=draft.text[:60])
    return Composed(request, question_of(draft))


def parts_of(store: ConversationStore, engine: Engine, **others: Any) -> AppParts:  # by field name
    standard: dict[str, Any] = {"open_engine": lambda: engine, "compose": compose, "model_name": "some model"}
    return AppParts(store=store, **(standard | others))


def sampled(params: SamplingParams) -> Callable[[Draft, ModelCard, bool], Composed]:
    def compose_so(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        request = TurnRequest(messages=(Message("user", draft.text),), sampling=params)
        return Composed(request, question_of(draft))

    return compose_so


class Driver:
    """One running app."""

    def __init__(self, app: ChattermApp, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def type(self, text: str) -> None:
        await self._pilot.press(*(KEYS.get(char, char) for char in text))

    def burst(self, *keys: str | Paste) -> None:
        """Press keys faster than the app acts on them; returns before it does."""
        assert self.app._driver
        for key in keys:
            if isinstance(key, Paste):
                self.app._driver.send_message(key)
                continue
            char = {"space": " ", "slash": "/"}.get(key, key if len(key) == 1 else None)
            self.app._driver.send_message(Key(key, char))

    async def paste(self, text: str) -> None:
        """As a terminal reports it to the widget with the focus."""
        assert self.app.focused
        self.app.focused.post_message(Paste(text))
        await self._pilot.pause()

    async def ask(self, question: str) -> None:
        await (self.type(question) if len(question) < 12 else self.paste(question))
        await self._pilot.press("enter")

    async def resize(self, columns: int, rows: int) -> None:
        await self._pilot.resize_terminal(columns, rows)

    async def click(self, widget: Any, offset: tuple[int, int] = (0, 0)) -> None:  # a widget or its type
        await self._pilot.click(widget, offset=offset)

    async def until(self, is_so: Callable[[], bool], timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, f"it never came to that; the screen:\n{self.screen}"
            await self._pilot.pause(0.01)

    async def until_shown(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.screen for text in texts))

    async def until_idle(self) -> None:
        await self.until(lambda: not self.app.chat.pane.is_replying)
        await self._pilot.pause()

    @property
    def screen(self) -> str:
        """What the terminal shows, line by line."""
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    @property
    def draft(self) -> str:
        return self.app.chat.query_one(Composer).text


@asynccontextmanager
async def running(parts: AppParts, *, size: tuple[int, int] = (110, 34)) -> AsyncIterator[Driver]:
    app = ChattermApp(parts)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        driver = Driver(app, pilot)
        await driver.until(lambda: app.chat.query_one(Composer).has_focus)
        yield driver


def tell(store: ConversationStore, said: Sequence[str], title: str = "told before") -> str:
    """Store a conversation, questions and replies in turn; return its id."""
    conversation_id = store.create_conversation(title)
    parent: str | None = None
    for number, text in enumerate(said):
        parent = store.append(
            conversation_id, parent, Message("assistant" if number % 2 else "user", text)
        ).id
    return conversation_id


def is_clickable(app: App[None], text: str) -> bool:
    """Whether any cell of the line that shows `text` carries an action."""
    for strip in app.screen._compositor.render_strips():
        if text in strip.text:
            return any("@click" in (segment.style.meta if segment.style else {}) for segment in strip)
    raise AssertionError(f"{text!r} is not on the screen")
