"""Documents that are read in parts: what is told on the way, stopping, going on, the parts, the choice."""

from collections.abc import Callable

from chatterm.conversation import Document, ModelCard
from chatterm.engine.echo import EchoEngine
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.store import ConversationStore
from chatterm.tasks import Composed, Question, choose_prompt
from chatterm.tasks import compose as shape
from chatterm.tui.drafts import Draft
from chatterm.tui.parts import AppParts
from tests.tui.driving import parts_of, running

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
TEXT = "\n\n".join(f"Point {number}: the harbour had {number} ships in it." for number in range(1, 400))
REPORT = Document("report.txt", TEXT, len(TEXT))
PART = "- The harbour had 7 ships in it."


def composing() -> Callable[[Draft, ModelCard, bool], Composed]:
    def compose_so(draft: Draft, card: ModelCard, goes_on: bool) -> Composed:
        question = Question(
            text=draft.text,
            documents=draft.documents,
            prompt=choose_prompt(LIBRARY, draft.prompt_id, has_text=bool(draft.text)),
            is_prompt_chosen=draft.prompt_id is not None,
            settings=draft.settings,
            emergency_number="112",
            continues=goes_on,
        )
        return shape(question, card, {})

    return compose_so


def reading_parts(store: ConversationStore, engine: EchoEngine, **others: object) -> AppParts:
    standard: dict[str, object] = {
        "compose": composing(),
        "library": LIBRARY,
        "draft": Draft(text="", documents=(REPORT,)),
    }
    return parts_of(store, engine, **(standard | others))


async def test_a_long_document_is_read_in_parts_and_told_so(store: ConversationStore) -> None:
    engine = EchoEngine([PART], context_length=2_000)
    async with running(reading_parts(store, engine)) as app:
        await app.until_shown("report.txt")
        await app.type("summarise")
        await app.press("enter")
        await app.until_shown("too long for the context: the model reads all of it", "some 5 parts")
        await app.until_idle()
        await app.until_shown("read in ", "F8 shows them")
        await app.press("f8")
        await app.until_shown("Parts", "report.txt, lines 1-", "The harbour had 7 ships")
        await app.press("enter")
        await app.until_shown("Point 1:", "▶")
        await app.press("escape", "escape")
        await app.until_shown("You")
