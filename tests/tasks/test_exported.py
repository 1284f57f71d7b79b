"""Conversations as they leave the program: labelled, and with a line above what is a draft."""

from chatterm.conversation import ModelCard
from chatterm.engine.base import CancelToken
from chatterm.engine.echo import EchoEngine
from chatterm.prompts import PromptFolder, PromptLibrary
from chatterm.resources import shipped_prompts
from chatterm.session import ChatSession
from chatterm.store import ConversationStore
from chatterm.store.whole import WholeConversation
from chatterm.tasks import Question, compose
from chatterm.tasks.exported import markdown_of

LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
CARD = ModelCard(name="m", identity="m", context_length=4096, num_parameters=None)
VALUES = {"skeleton": "Rent: ...", "facts": "500 a month", "jurisdiction": "France"}


def conversation(prompt: str, values: dict[str, str], text: str = "") -> WholeConversation:
    question = Question(
        text=text, prompt=LIBRARY.get(prompt), is_prompt_chosen=True, values=values, emergency_number="112"
    )
    store = ConversationStore.in_memory()
    request = compose(question, CARD, {"max_tokens": 50}).request
    list(ChatSession(EchoEngine(["Rent: 500"]), store).send(request, CancelToken()))
    whole = store.whole(store.conversation_ids()[0])
    store.close()
    return whole


def test_a_draft_has_its_line_above_it_in_both_languages() -> None:
    text = markdown_of(conversation("legal/draft", VALUES), LIBRARY, has_label=False)
    line = "**DRAFT: not reviewed by a lawyer. / 草稿：未经律师审阅。**"
    assert f"## Assistant\n\n{line}\n\nRent: 500" in text
    assert text.count(line) == 1
    assert "AI-generated" not in text


def test_other_replies_have_the_label_alone() -> None:
    text = markdown_of(conversation("assistant/chat", {}, "Hello"), LIBRARY)
    assert "DRAFT" not in text
    assert text.endswith("\n\nRent: 500\n\n*AI-generated / 由人工智能生成*\n")


def test_a_prompt_that_is_gone_keeps_no_conversation_from_leaving() -> None:
    text = markdown_of(conversation("legal/draft", VALUES), PromptLibrary(()))
    assert "Rent: 500" in text
    assert "DRAFT" not in text
