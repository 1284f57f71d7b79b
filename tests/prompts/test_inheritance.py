"""`extends` and `use`: what a prompt takes over, and what is told where it cannot."""

from pathlib import Path

import pytest

from chatterm.errors import UnknownName
from chatterm.prompts import BrokenPrompt, PromptFolder, PromptLibrary, PromptTemplate, render
from chatterm.prompts.check import check
from tests.prompts.files import GOOD, card, changed, write

CHILD = "---\nchatterm: 1\nversion: 7\nextends: general/report\n---\n"
SNIPPET = (
    "---\nchatterm: 1\nlanguages: [en, zh]\n---\n@@ system en\nQuote lines.\n@@ system zh\n请引用原文。\n"
)
EXAMPLES = "@@ example\n@@ in\na\n@@ out\nb\n"


@pytest.fixture
def library(tmp_path: Path) -> PromptLibrary:
    shots = changed(
        "languages", "shots: {tiny: 1}\ntags: [parent]\nbase: a/b@1\ntried: {m: en 1/1}\nlanguages"
    )
    write(tmp_path / "shipped", shots + EXAMPLES)
    write(tmp_path / "shipped", SNIPPET, "snippets/quote.md")
    return PromptLibrary(
        [PromptFolder("yours", tmp_path / "yours"), PromptFolder("shipped", tmp_path / "shipped")]
    )


def own(folder: Path, text: str, name: str = "mine/child.md") -> Path:
    return write(folder / "yours", text, name)


def words(template: PromptTemplate, lang: str = "en") -> list[str]:
    rendered = render(template, values={}, documents="text", question="", lang=lang, card=card())
    return [message.content for message in rendered.messages]


def test_keys_and_sections_that_a_file_lacks_come_from_what_it_extends(
    library: PromptLibrary, tmp_path: Path
) -> None:
    own(tmp_path, CHILD.replace("---\n", "---\ntags: [own]\n", 1) + "@@ system en\nBe brief.\n")
    child, parent = library.get("mine/child"), library.get("general/report")
    assert (child.header.version, child.header.tags, child.header.extends) == (7, ("own",), "general/report")
    assert (child.header.title, child.header.inputs) == (parent.header.title, parent.header.inputs)
    assert child.header.base == "", "what a file was copied from is its own affair"
    assert (dict(parent.header.tried), dict(child.header.tried)) == ({"m": "en 1/1"}, {})
    assert words(child) == ["Be brief.", *words(parent)[1:]]
    assert words(child, "zh") == words(parent, "zh")
    (entry,) = [entry for entry in library.entries() if entry.id == "mine/child"]
    assert entry.header is not None
    assert entry.header.title == parent.header.title


def test_a_section_for_all_languages_replaces_those_of_each(library: PromptLibrary, tmp_path: Path) -> None:
    own(tmp_path, CHILD + "@@ system\nBe brief.\n" + EXAMPLES.replace("b", "c"))
    for lang in ("en", "zh"):
        assert words(library.get("mine/child"), lang)[:3] == ["Be brief.", "a", "c"]


def test_sections_in_languages_that_a_file_leaves_out_are_left_behind(
    library: PromptLibrary, tmp_path: Path
) -> None:
    own(tmp_path, CHILD.replace("version: 7", "version: 7\nlanguages: [en]"))
    assert {section.lang for section in library.get("mine/child").sections} == {"en", None}


def test_an_own_prompt_may_extend_the_shipped_one_that_it_replaces(
    library: PromptLibrary, tmp_path: Path
) -> None:
    path = own(tmp_path, CHILD + "@@ system\nBe brief.\n", "general/report.md")
    template = library.get("report")
    assert (template.path, template.header.version) == (path, 7)
    assert words(template)[0] == "Be brief."


def test_the_checksum_is_of_all_files_that_a_prompt_is_made_of(
    library: PromptLibrary, tmp_path: Path
) -> None:
    own(tmp_path, CHILD)
    before = library.get("mine/child").sha256
    write(tmp_path / "shipped", GOOD.replace("report only", "report alone"))
    assert library.get("mine/child").sha256 != before


def test_a_snippet_stands_below_the_sections_of_its_kind_and_language(
    library: PromptLibrary, tmp_path: Path
) -> None:
    own(tmp_path, changed("version: 3", "version: 3\nuse: [snippets/quote]"))
    assert words(library.get("mine/child"))[0] == "Use the report only.\nQuote lines."
    assert words(library.get("mine/child"), "zh")[0] == "只使用报告。\n请引用原文。"
    own(tmp_path, CHILD.replace("version: 7", "version: 7\nuse: [snippets/quote]"))
    assert words(library.get("mine/child"))[0] == "Use the report only.\nQuote lines."
    own(tmp_path, CHILD.replace("version: 7", "version: 7\nuse: [snippets/quote]") + "@@ system\nBoth.\n")
    assert words(library.get("mine/child"), "zh")[0] == "Both.\n请引用原文。"


def test_a_snippet_for_all_languages_and_one_without_a_section_to_follow(
    library: PromptLibrary, tmp_path: Path
) -> None:
    write(
        tmp_path / "yours",
        "---\nchatterm: 1\n---\n@@ system\nAll.\n@@ note\nFor people.\n",
        "snippets/all.md",
    )
    own(tmp_path, changed("version: 3", "version: 3\nuse: [snippets/all, snippets/quote]"))
    template = library.get("mine/child")
    assert words(template)[0] == "Use the report only.\nAll.\nQuote lines."
    assert template.note("zh") == "For people."


def test_snippets_are_no_prompts(library: PromptLibrary) -> None:
    assert library.names() == ["general/report"]
    with pytest.raises(UnknownName):
        library.get("snippets/quote")


@pytest.mark.parametrize(
    ("code", "parent", "message"),
    [
        (
            "E34",
            changed("version: 3", "version: x"),
            "'general/report' is broken: version is of the wrong kind",
        ),
        ("E34", changed("{{ document }}", "{{ 1 + 1 }}"), "'general/report' is broken: arithmetic"),
        ("E34", "no front matter", "broken"),
        ("E35", changed("version: 3", "version: 3\nextends: mine/child"), "itself extends another prompt"),
    ],
)
def test_what_cannot_be_extended_is_told_at_the_key(
    library: PromptLibrary, tmp_path: Path, code: str, parent: str, message: str
) -> None:
    write(tmp_path / "shipped", parent)
    own(tmp_path, CHILD)
    with pytest.raises(BrokenPrompt) as broken:
        library.get("mine/child")
    (problem,) = broken.value.problems
    assert (problem.code, problem.place.line, problem.place.column) == (code, 4, 10)
    assert message in problem.message


def test_a_file_cannot_extend_itself(library: PromptLibrary, tmp_path: Path) -> None:
    own(tmp_path, CHILD.replace("general/report", "mine/child"))
    with pytest.raises(BrokenPrompt, match="no other prompt 'mine/child'"):
        library.get("mine/child")


@pytest.mark.parametrize("name", ["../shipped/general/report", "general/../general/report", "/etc/passwd"])
def test_no_name_leaves_the_folders(library: PromptLibrary, tmp_path: Path, name: str) -> None:
    for key in (f"extends: {name}", f"use: [{name}]"):
        own(tmp_path, changed("version: 3", f"version: 3\n{key}"))
        with pytest.raises(BrokenPrompt, match="E34"):
            library.get("mine/child")


@pytest.mark.parametrize(
    ("snippet", "message"),
    [
        (SNIPPET.replace("chatterm: 1", "chatterm: 1\nversion: 2"), "the key 'version'"),
        (SNIPPET.replace("Quote lines.", "Quote {{ party }}."), "in @@ system"),
        (SNIPPET.replace("@@ system en", "@@ prefill en"), "a section @@ prefill"),
        (SNIPPET.replace("@@ system en", "@@ sistem en"), "unknown section 'sistem'"),
        ("text", "no front matter"),
    ],
)
def test_what_is_no_snippet_is_told_at_its_name(
    library: PromptLibrary, tmp_path: Path, snippet: str, message: str
) -> None:
    write(tmp_path / "shipped", snippet, "snippets/quote.md")
    path = own(tmp_path, changed("version: 3", "version: 3\nuse: [snippets/quote]"))
    (problem,) = [one for one in check(path, find=library.find) if one.severity == "error"]
    assert (problem.code, problem.place.line, problem.place.column) == ("E36", 4, 7)
    assert message in problem.message


def test_what_a_taken_text_lacks_is_told_where_it_was_taken(library: PromptLibrary, tmp_path: Path) -> None:
    own(tmp_path, CHILD.replace("version: 7", "version: 7\ninputs: {document: {}}"))
    with pytest.raises(BrokenPrompt) as broken:
        library.get("mine/child")
    told = {(problem.code, problem.place.line, problem.message) for problem in broken.value.problems}
    assert ("E21", 5, "{{ length }} is not an input, in general/report") in told
    assert {line for _, line, _ in told} == {5}
