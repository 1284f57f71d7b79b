"""A name becomes a model in a fixed order; paths that lead nowhere and unknown words are different errors."""

from pathlib import Path

import pytest

from chatterm.errors import BadModelFile, ChattermError, ModelNotFound, UnknownName
from chatterm.models.catalogue import load_catalogue
from chatterm.models.discovery import ModelFile, installed, resolve

CATALOGUE = load_catalogue()
DEFAULT = CATALOGUE.default


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("mine.Q4_0.gguf", "yours.gguf", "notes.txt", ".hidden"):
        (folder / name).touch()
    (folder / ".pull-x.gguf").mkdir()
    (folder / "folder.gguf").mkdir()
    return folder


def fetch(models: Path) -> ModelFile:
    (models / DEFAULT.file_name).touch()
    return ModelFile(models / DEFAULT.file_name, DEFAULT.name, DEFAULT)


@pytest.mark.parametrize("name", ["smollm2-135m", "smollm2", "SmolLM2"])
def test_names_of_the_catalogue_are_a_file_or_something_to_fetch(models: Path, name: str) -> None:
    assert resolve(name, models, CATALOGUE) is DEFAULT
    assert resolve(name, models, CATALOGUE) is DEFAULT
    model = fetch(models)
    assert resolve(name, models, CATALOGUE) == model


@pytest.mark.parametrize("name", ["mine.Q4_0.gguf", "mine.Q4_0"])
def test_files_of_the_models_folder_go_with_and_without_gguf(models: Path, name: str) -> None:
    assert resolve(name, models, CATALOGUE) == ModelFile(models / "mine.Q4_0.gguf", "mine.Q4_0")


def test_a_file_of_the_catalogue_goes_by_its_file_name_too(models: Path) -> None:
    model = fetch(models)
    assert resolve(DEFAULT.file_name, models, CATALOGUE) == model
    assert resolve(DEFAULT.file_name.removesuffix(".gguf"), models, CATALOGUE) == model


def test_a_path_is_taken_as_it_is(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other model.gguf"
    path.touch()
    assert resolve(str(path), models, CATALOGUE) == ModelFile(path, "other model")
    monkeypatch.chdir(tmp_path)
    assert resolve("other model.gguf", models, CATALOGUE) == ModelFile(
        Path("other model.gguf"), "other model"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/other model.gguf", models, CATALOGUE) == ModelFile(path, "other model")


def test_a_path_into_the_models_folder_keeps_its_catalogue_entry(models: Path) -> None:
    model = fetch(models)
    assert resolve(str(models / ".." / "models" / DEFAULT.file_name), models, CATALOGUE) == model


def test_the_models_folder_wins_over_the_working_directory(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yours.gguf").touch()
    monkeypatch.chdir(tmp_path)
    assert resolve("yours.gguf", models, CATALOGUE) == ModelFile(models / "yours.gguf", "yours")


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("absent.gguf", ModelNotFound, "there is no model file absent.gguf"),
        ("/nowhere/model", ModelNotFound, "there is no model file /nowhere/model"),
        ("./smollm2", ModelNotFound, "there is no model file smollm2"),
        ("pytorch_model.bin", ModelNotFound, "there is no model file pytorch_model.bin"),
        ("smollm3", UnknownName, "no model is called 'smollm3'; did you mean 'smollm2'?"),
        ("your", UnknownName, "no model is called 'your'; did you mean 'yours'?"),
        ("zzzzzz", UnknownName, "no model is called 'zzzzzz' (`chatterm models list`"),
        ("", UnknownName, "no model is called ''"),
        ("a" * 5000, ModelNotFound, "cannot be reached: File name too long"),
        ("~no-such-user/model.gguf", ModelNotFound, "cannot be reached: Could not determine home"),
        ("nul\0.gguf", ModelNotFound, "there is no model file"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else None,
)
def test_a_path_that_leads_nowhere_is_not_found_and_a_word_is_unknown(
    models: Path, name: str, kind: type[ChattermError], expected: str
) -> None:
    with pytest.raises(kind) as caught:
        resolve(name, models, CATALOGUE)
    assert type(caught.value) is kind
    assert len(str(caught.value)) < 400
    assert expected in str(caught.value)


def test_a_folder_with_a_config_is_a_model(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Llama-3.2"
    folder.mkdir()
    with pytest.raises(
        BadModelFile, match=r"Llama-3\.2 is a folder without config\.json; name a \.gguf file"
    ):
        resolve(str(folder), models, CATALOGUE)
    (folder / "config.json").touch()
    assert resolve(f"{folder}/", models, CATALOGUE) == ModelFile(folder, "Llama-3.2")
    monkeypatch.chdir(folder)
    assert resolve(".", models, CATALOGUE) == ModelFile(Path(), "Llama-3.2")


def test_folders_in_the_models_folder_go_by_their_name(models: Path) -> None:
    for name in ("Qwen2.5-0.5B", ".hidden-model"):
        (models / name).mkdir()
        (models / name / "config.json").touch()
    expected = ModelFile(models / "Qwen2.5-0.5B", "Qwen2.5-0.5B")
    assert resolve("Qwen2.5-0.5B", models, CATALOGUE) == expected
    assert resolve(str(models / ".." / "models" / "Qwen2.5-0.5B"), models, CATALOGUE) == expected
    assert installed(models, CATALOGUE)[0] == expected
    assert len(installed(models, CATALOGUE)) == 3


def test_installed_lists_files_by_name_and_no_folder_is_no_models(models: Path, tmp_path: Path) -> None:
    assert [model.name for model in installed(models, CATALOGUE)] == ["mine.Q4_0", "yours"]
    model = fetch(models)
    assert installed(models, CATALOGUE)[0] == model
    assert installed(tmp_path / "absent", CATALOGUE) == []
