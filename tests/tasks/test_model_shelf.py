"""What a model picker is told: which models there are, what each is, whether it fits."""

from pathlib import Path

import pytest

from chatterm.engine.registry import EchoModel
from chatterm.errors import UnknownName
from chatterm.models.catalogue import Catalogue, CatalogueEntry, load_catalogue
from chatterm.models.discovery import ModelFile
from chatterm.models.fit import MemoryNeed
from chatterm.tasks.model_facts import Fits, fit_of
from chatterm.tasks.model_shelf import ModelShelf
from tests.support.gguf_files import TinyLlama, tiny_gguf
from tests.support.wheels import entry_for

ENTRY = entry_for(b"content")


def shelf(folder: Path, context_length: int | None = None) -> ModelShelf:
    return ModelShelf(
        folder=folder, catalogue=Catalogue((ENTRY,), ENTRY), cache=folder, context_length=context_length
    )


def the_file(folder: Path, name: str) -> ModelFile:
    found = next(model for model in shelf(folder).all() if model.name == name)
    assert isinstance(found, ModelFile)
    return found


def test_what_is_here_comes_first_and_is_not_offered_to_be_fetched(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "zebra.gguf")
    assert [model.name for model in shelf(tmp_path).all()] == ["zebra", "tiny"]
    tiny_gguf(tmp_path / ENTRY.file_name)
    assert [type(model) for model in shelf(tmp_path).all()] == [ModelFile, ModelFile]


def test_without_a_folder_there_is_the_catalogue(tmp_path: Path) -> None:
    assert shelf(tmp_path / "none").all() == [ENTRY]


def test_names_lead_to_models(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "zebra.gguf")
    assert shelf(tmp_path).find("zebra") == ModelFile(path, "zebra")
    assert shelf(tmp_path).find("tiny-instruct") is ENTRY
    assert shelf(tmp_path).find("echo") == EchoModel()
    with pytest.raises(UnknownName, match="did you mean 'zebra'"):
        shelf(tmp_path).find("zebar")


def test_the_header_tells_what_a_file_is(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf", TinyLlama(name="A model"), {"general.license": "MIT"})
    facts = shelf(tmp_path).facts(the_file(tmp_path, "a"))
    assert (facts.title, facts.architecture, facts.quantisation) == ("A model", "llama", "Q4_0")
    assert (facts.context_length, facts.licence, facts.problem) == (512, "MIT", None)
    assert facts.fit.verdict == "yes"


def test_a_context_that_was_asked_for_is_counted(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf")
    facts = shelf(tmp_path, context_length=10**12).facts(the_file(tmp_path, "a"))
    assert facts.fit.verdict == "shorter"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"GGUF\x03\x00\x00\x00" + b"\xff" * 64, "not a sound GGUF file"),
        (b"PK\x03\x04" + bytes(100), "never loads pickles"),
    ],
    ids=["empty", "hostile", "a zip"],
)
def test_a_bad_file_is_a_problem_and_no_error(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "bad.gguf").write_bytes(content)
    facts = shelf(tmp_path).facts(the_file(tmp_path, "bad"))
    assert expected in (facts.problem or "")
    assert facts.fit.verdict == "unknown"


def test_a_file_that_went_away_is_a_problem(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "a.gguf")
    model = the_file(tmp_path, "a")
    path.unlink()
    assert "a.gguf" in (shelf(tmp_path).facts(model).problem or "")


def test_an_unknown_architecture_is_a_problem(tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "a.gguf", None, {"general.architecture": "mamba"})
    assert "mamba" in (shelf(tmp_path).facts(the_file(tmp_path, "a")).problem or "")


def test_what_is_to_be_fetched_is_told_by_the_catalogue(tmp_path: Path) -> None:
    entry: CatalogueEntry = load_catalogue().default
    facts = shelf(tmp_path).facts(entry)
    assert (facts.title, facts.quantisation) == (entry.title, entry.quantisation)
    assert facts.fit.text.startswith("needs about ")


@pytest.mark.parametrize(
    ("free", "verdict", "said"),
    [
        (10**9, "yes", "needs 600 MB of 1,000 MB free"),
        (500 * 10**6, "shorter", "fits with a context of 4,864 tokens"),
        (100 * 10**6, "no", "needs 600 MB, but only 100 MB are free"),
        (None, "unknown", "the system does not tell"),
    ],
)
def test_a_need_is_held_against_what_is_free(free: int | None, verdict: Fits, said: str) -> None:
    need = MemoryNeed(
        weights=200 * 10**6,
        embedding=0,
        cache_per_token=40_000,
        context_length=7_500,
        working=100 * 10**6,
    )
    fit = fit_of(need, free)
    assert (fit.verdict, said in fit.text) == (verdict, True), fit.text
