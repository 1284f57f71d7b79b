"""What a form's texts make of a prompt, as tables."""

from pathlib import Path

import pytest

from chatterm.conversation import Document
from chatterm.prompts import PromptLibrary, PromptTemplate
from chatterm.prompts.library import PromptFolder
from chatterm.tui.drafts import Draft
from chatterm.tui.prompt_filling import chosen, fill_in

DOCUMENT = Document("a.txt", "text", 4)


def template(folder: Path, inputs: str, body: str) -> PromptTemplate:
    (folder / "one").mkdir()
    (folder / "one" / "p.md").write_text(
        f"---\nchatterm: 1\nversion: 1\ntitle: t\nlanguages: [en]\ninputs:\n{inputs}\n---\n@@ user\n{body}\n"
    )
    return PromptLibrary([PromptFolder("yours", folder)]).get("one/p")


FULL = (
    "  document: {from: [file]}\n"
    "  level: {type: int, default: 2}\n"
    "  who: {type: text}\n"
    "  question: {type: text, required: false}"
)
BODY = "{{ document }} {{ level }} {{ who }} {{ question }}"


@pytest.mark.parametrize(
    ("texts", "draft", "values", "errors", "lacking"),
    [
        ({}, Draft(text=""), {}, {"who": "is needed"}, ("document",)),
        ({"who": "Ann"}, Draft(text=""), {"who": "Ann"}, {}, ("document",)),
        ({"who": "Ann", "level": "2"}, Draft(text=""), {"who": "Ann"}, {}, ("document",)),
        ({"who": " ", "level": "3"}, Draft(text=""), {"level": "3"}, {"who": "is needed"}, ("document",)),
        ({"who": "Ann"}, Draft(text="why?", documents=(DOCUMENT,)), {"who": "Ann"}, {}, ()),
    ],
)
def test_texts_become_values_errors_and_what_is_lacking(
    tmp_path: Path,
    texts: dict[str, str],
    draft: Draft,
    values: dict[str, str],
    errors: dict[str, str],
    lacking: tuple[str, ...],
) -> None:
    filling = fill_in(template(tmp_path, FULL, BODY), texts, draft)
    assert (filling.values, filling.errors, filling.lacking) == (values, errors, lacking)


def test_a_wrong_value_has_the_librarys_own_words(tmp_path: Path) -> None:
    filling = fill_in(template(tmp_path, FULL, BODY), {"who": "Ann", "level": "x"}, Draft(text=""))
    assert filling.errors == {"level": "'level' of the prompt one/p must be a whole number, not 'x'"}


def test_words_and_documents_that_have_no_place_are_told(tmp_path: Path) -> None:
    prompt = template(tmp_path, "  level: {type: int, default: 2}", "{{ level }}")
    assert "takes no words" in fill_in(prompt, {}, Draft(text="hello")).errors[""]
    assert "takes no document" in fill_in(prompt, {}, Draft(text="", documents=(DOCUMENT,))).errors[""]


def test_a_prompt_with_nothing_to_answer_is_not_complete(tmp_path: Path) -> None:
    prompt = template(tmp_path, "  question: {type: text, required: false}", "{{ question }}")
    draft = Draft(text="")
    assert not chosen(prompt, fill_in(prompt, {}, draft), draft, ()).is_complete
    draft = Draft(text="hello")
    assert chosen(prompt, fill_in(prompt, {}, draft), draft, ()).is_complete
