import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatterm.errors import UnknownName
from chatterm.prompts import BrokenPrompt, PromptFolder, PromptLibrary
from tests.prompts.files import GOOD, changed, write


@pytest.fixture
def library(tmp_path: Path) -> PromptLibrary:
    """The user's folder before the shipped one."""
    for name in (
        "general/summarize",
        "general/translate",
        "legal/clauses",
        "medical/explain",
        "education/explain",
    ):
        write(
            tmp_path / "shipped", changed("version: 3", "version: 1\nguard: [legal, medical]"), f"{name}.md"
        )
    return PromptLibrary(
        [PromptFolder("yours", tmp_path / "yours"), PromptFolder("shipped", tmp_path / "shipped")]
    )


@pytest.mark.parametrize(
    ("name", "prompt_id"),
    [
        ("legal/clauses", "legal/clauses"),
        ("clauses", "legal/clauses"),
        ("summarize", "general/summarize"),
        ("summarise", "general/summarize"),
        ("tldr", "general/summarize"),
        ("总结", "general/summarize"),
        ("翻译", "general/translate"),
        ("explain", "education/explain"),
    ],
)
def test_a_prompt_answers_to_its_id_its_bare_name_and_its_aliases(
    library: PromptLibrary, name: str, prompt_id: str
) -> None:
    assert library.get(name).id == prompt_id


def test_a_bare_name_that_several_have_is_refused_with_all_of_them(
    library: PromptLibrary, tmp_path: Path
) -> None:
    write(tmp_path / "yours", GOOD, "mine/clauses.md")
    with pytest.raises(UnknownName, match="several are: legal/clauses, mine/clauses"):
        library.get("clauses")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("summarze", "summarize"),
        ("legal/clause", "legal/clauses"),
        ("总接", "总结"),
        ("情感", None),
        ("../x", None),
    ],
)
def test_an_unknown_name_brings_the_nearest(library: PromptLibrary, name: str, nearest: str | None) -> None:
    if name == "../x":
        with pytest.raises(BrokenPrompt, match="E12"):
            library.get(name)
        return
    with pytest.raises(UnknownName, match="chatterm prompts list") as unknown:
        library.get(name)
    assert unknown.value.nearest == nearest


def test_no_name_leaves_the_folders(library: PromptLibrary, tmp_path: Path) -> None:
    write(tmp_path, GOOD, "outside.md")
    for name in ("general/../../outside", "general/../../../outside"):
        with pytest.raises(UnknownName):
            library.get(name)


def test_the_users_own_prompt_wins_and_the_listing_says_so(library: PromptLibrary, tmp_path: Path) -> None:
    write(tmp_path / "yours", changed("version: 3", "version: 9"), "general/summarize.md")
    write(tmp_path / "yours", GOOD, "法律/条款.md")
    assert library.get("tldr").header.version == 9
    listed = [(entry.id, entry.origin, entry.is_changed, entry.is_shadowed) for entry in library.entries()]
    assert [entry for entry in listed if entry[0] in ("general/summarize", "法律/条款")] == [
        ("general/summarize", "yours", True, False),
        ("general/summarize", "shipped", False, True),
        ("法律/条款", "yours", False, False),
    ]
    assert ("legal/clauses", "shipped", False, False) in listed
    assert library.names().count("general/summarize") == 1


def test_a_broken_file_breaks_only_itself(library: PromptLibrary, tmp_path: Path) -> None:
    write(tmp_path / "yours", changed("version: 3", "version: x"), "mine/broken.md")
    write(tmp_path / "yours", changed("{{ document }}", "{{ 1 + 1 }}"), "mine/body.md")
    entries = {entry.id: entry for entry in library.entries()}
    assert [problem.code for problem in entries["mine/broken"].problems] == ["E09"]
    assert entries["mine/broken"].header is None
    assert entries["legal/clauses"].problems == ()
    assert library.get("legal/clauses").id == "legal/clauses"
    for name in ("mine/broken", "body"):
        with pytest.raises(BrokenPrompt) as broken:
            library.get(name)
        assert broken.value.exit_code == 2


def test_a_path_names_a_file_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, GOOD, "own.md")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    names = (str(path), "own.md", "./own.md", "~/own.md")
    assert {PromptLibrary([]).get(name).id for name in names} == {"own"}


def test_an_edited_file_is_read_again(library: PromptLibrary, tmp_path: Path) -> None:
    assert library.get("legal/clauses").header.version == 1
    write(tmp_path / "shipped", GOOD, "legal/clauses.md")
    assert library.get("legal/clauses").header.version == 3


@pytest.mark.parametrize("text", [f"\ufeff{GOOD}", GOOD.replace("\n", "\r\n"), GOOD.rstrip("\n")])
def test_byte_order_marks_and_line_ends_of_other_systems_are_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(text.encode())
    template = PromptLibrary([]).get(str(path))
    assert [section.text for section in template.sections][:2] == ["Use the report only.", "只使用报告。"]


def test_absent_folders_hold_nothing_and_other_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "general").mkdir()
    (tmp_path / "general" / "notes.txt").write_text("no prompt")
    (tmp_path / ".git").mkdir()
    write(tmp_path, "not a prompt", ".git/x.md")
    assert (
        PromptLibrary([PromptFolder("a", tmp_path), PromptFolder("b", tmp_path / "absent")]).entries() == []
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_listed_with_its_error(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        (entry,) = PromptLibrary([PromptFolder("yours", tmp_path)]).entries()
    finally:
        tmp_path.chmod(0o700)
    assert [problem.code for problem in entry.problems] == ["E12"]


def test_a_file_in_place_of_a_folder_is_listed_with_its_error(tmp_path: Path) -> None:
    path = tmp_path / "prompts"
    path.write_text("x")
    (entry,) = PromptLibrary([PromptFolder("yours", path)]).entries()
    assert [problem.code for problem in entry.problems] == ["E12"]


def test_a_pipe_named_like_a_prompt_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (entry,) = PromptLibrary([PromptFolder("yours", tmp_path)]).entries()
    assert [problem.code for problem in entry.problems] == ["E12"]


def test_listing_needs_neither_jinja2_nor_an_engine(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    code = f"""
import sys
from pathlib import Path
from chatterm.prompts import PromptFolder, PromptLibrary
(entry,) = PromptLibrary([PromptFolder("x", Path({str(tmp_path)!r}))]).entries()
assert entry.header.version == 3
print([name for name in ("jinja2", "torch", "charset_normalizer", "textual") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_can_be_imported() -> None:
    from chatterm import prompts

    assert {name for name in prompts.__all__ if not hasattr(prompts, name)} == set()
    assert callable(prompts.render)
    with pytest.raises(AttributeError, match="no attribute 'rendr'"):
        _ = prompts.rendr


@pytest.mark.parametrize("after", ["", "tags: [last]\n"])
@pytest.mark.parametrize("indent", ["  ", ""])
def test_a_listing_passes_over_tests_and_nothing_else(tmp_path: Path, indent: str, after: str) -> None:
    tests = f"tests:   # some\n{indent}- name: x\n\n{indent}  wrong: [\n# a comment\n{indent}- y\n"
    write(tmp_path, changed("languages: [en, zh]\n", f"languages: [en, zh]\n{tests}{after}"))
    library = PromptLibrary([PromptFolder("x", tmp_path)])
    (entry,) = library.entries()
    assert entry.problems == ()
    assert entry.header is not None
    assert entry.header.tags == (("last",) if after else ())
    with pytest.raises(BrokenPrompt, match="E03"):
        library.get("report")
