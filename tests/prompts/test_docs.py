"""The pages of docs/ about the library, held against the library: tables, names, commands, transcripts."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from chatterm.prompts import PromptFolder, PromptLibrary, PromptTemplate
from chatterm.prompts.inputs import read_value
from chatterm.prompts.problems import CODES
from chatterm.prompts.sections import KINDS
from chatterm.prompts.sizes import made_for
from chatterm.resources import shipped_prompts

ROOT = Path(__file__).parents[2]
LIBRARY = PromptLibrary([PromptFolder("shipped", shipped_prompts())])
TEMPLATES = {prompt_id: LIBRARY.get(prompt_id) for prompt_id in LIBRARY.names()}
DOMAINS = sorted({prompt_id.partition("/")[0] for prompt_id in TEMPLATES})
PAGES = {domain: ROOT / "docs" / f"{domain}.md" for domain in DOMAINS}
FORMAT = ROOT / "docs" / "prompts.md"
MODEL = "SmolLM2-135M-Instruct Q4_1"
TRIED_BY_DESIGN = {
    *("general/summarize", "general/sentiment", "general/classify", "general/entities", "general/extract"),
    *("general/keywords", "medical/lab-explain", "finance/kpi-extract", "finance/news-tags"),
    *("assistant/chat", "assistant/feedback", "writing/story"),
}
"""The prompts of tier t in the design: the ones that the default model is held to."""
_COMMAND = re.compile(r"^    .*chatterm ask .*-p .*$", re.MULTILINE)


def table_row(template: PromptTemplate) -> str:
    """What a page says of a prompt in its table, from the prompt's file."""
    header = template.header
    inputs = ", ".join(f"{spec.name}{'*' if spec.is_required else ''}" for spec in header.inputs)
    plan = {one.name: getattr(header.verify, one.name) for one in fields(header.verify)}
    strict = [key.replace("_", " ") for key, level in plan.items() if level in ("strict", True)]
    marked = [f"{key} (marked)" for key, level in plan.items() if level == "mark"]
    computed = [f"computes {name}" for name in header.output.computed]
    cells = (
        f"`{template.id}`",
        inputs,
        header.output.format,
        ", ".join([*strict, *marked, *computed]) or "–",
        header.long.strategy,
        made_for(header.min_tier),
        header.tried.get(MODEL, "not tried"),
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("prompt_id", TEMPLATES)
def test_the_page_of_its_domain_says_what_the_file_says(prompt_id: str) -> None:
    page = PAGES[prompt_id.partition("/")[0]].read_text(encoding="utf-8")
    assert page.count(table_row(TEMPLATES[prompt_id])) == 1
    assert re.search(rf"^### {re.escape(prompt_id)}$", page, re.MULTILINE)
    assert re.search(rf"-p {re.escape(prompt_id)}\b", page), "no command that runs it"


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_page_names_no_prompt_that_is_not_there(domain: str) -> None:
    page = PAGES[domain].read_text(encoding="utf-8")
    named = set(re.findall(rf"\b(?:{'|'.join(DOMAINS)})/[a-z-]+\b(?!\.md)", page))
    assert named <= set(TEMPLATES)


@pytest.mark.parametrize("page", [*PAGES.values(), FORMAT, ROOT / "README.md"], ids=lambda path: path.name)
def test_the_commands_on_a_page_give_a_prompt_what_it_needs(page: Path) -> None:
    for line in _COMMAND.findall(page.read_text(encoding="utf-8")):
        before, _, command = line.strip().rpartition("chatterm ask ")
        assert_runs(command, is_piped="|" in before)


def assert_runs(command: str, *, is_piped: bool) -> None:
    """The arguments of `chatterm ask` name a prompt, give inputs it has, and leave out none it needs."""
    words = shlex.split(command.partition(" | ")[0].partition(" > ")[0])
    given: dict[str, str] = {}
    free, files, name = [], 0, ""
    arguments = iter(words)
    for word in arguments:
        if word == "-p":
            name = next(arguments)
        elif word == "-v":
            key, _, value = next(arguments).partition("=")
            given[key] = value
        elif word == "-f":
            files += next(arguments) != ""
        elif word in ("-n", "-m", "-o", "--lang", "--seed"):
            next(arguments)
        elif not word.startswith("-"):
            free.append(word)
    template = LIBRARY.get(name)
    specs = {spec.name: spec for spec in template.header.inputs}
    assert set(given) <= set(specs), command
    for key, value in given.items():
        if "$(" not in value:
            read_value(template.id, specs[key], value)
    needed = {spec.name for spec in specs.values() if spec.is_required} - set(given)
    document = template.header.document_input
    if document and (is_piped or files):
        needed.discard(document.name)
    texts = [spec.name for spec in specs.values() if spec.type == "text" and spec.name not in given]
    if free and texts:
        needed.discard("question" if "question" in texts else texts[0])
    assert not needed, command


@pytest.mark.parametrize("prompt_id", sorted(TRIED_BY_DESIGN))
def test_what_was_tried_on_the_default_model_has_its_figures_and_a_transcript(prompt_id: str) -> None:
    assert TEMPLATES[prompt_id].header.tried[MODEL].startswith("en ")
    page = PAGES[prompt_id.partition("/")[0]].read_text(encoding="utf-8")
    section = page.partition(f"\n### {prompt_id}\n")[2].partition("\n### ")[0]
    assert f"{MODEL} wrote" in section
    assert re.search(r"\n(Mistakes|No mistake)", section), "what is wrong with it is not pointed at"


def test_what_was_not_tried_is_made_for_larger_models() -> None:
    for prompt_id, template in TEMPLATES.items():
        assert template.header.tried or template.header.min_tier in ("small", "medium"), prompt_id


def test_the_format_page_names_every_section_code_and_page() -> None:
    page = FORMAT.read_text(encoding="utf-8")
    assert all(f"`@@ {kind}`" in page for kind in KINDS if kind not in ("in", "out"))
    assert all(f"| {code} | {text} |" in page for code, text in CODES.items())
    assert all(f"({path.name})" in page for path in PAGES.values())
    assert f"{len(TEMPLATES)} prompts" in page
