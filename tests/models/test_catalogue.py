"""The catalogue is whole, its names are unique, and a misspelt one gets a hint."""

import re
from pathlib import Path

import pytest

from chatterm.errors import UnknownName
from chatterm.models.catalogue import CatalogueEntry, load_catalogue
from chatterm.models.gguf import GGUFFile

CATALOGUE = load_catalogue()


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda entry: entry.name)
def test_every_entry_is_pinned_and_described(entry: CatalogueEntry) -> None:
    found = CATALOGUE.find(entry.name)
    assert found is entry
    assert re.fullmatch(r"[0-9a-f]{64}", found.sha256)
    assert found.size > 0
    assert found.source.download_size > 0
    assert found.file_name.endswith(".gguf")
    assert Path(found.file_name).name == found.file_name
    assert found.licence
    assert found.languages


def test_names_and_files_are_unique() -> None:
    names = [name.casefold() for name in CATALOGUE.names]
    assert len(names) == len(set(names))
    files = [entry.file_name for entry in CATALOGUE.entries]
    assert len(files) == len(set(files))


@pytest.mark.parametrize("name", ["smollm2-135m", "smollm2", "smollm2-135m-instruct", "SmolLM2-135M"])
def test_the_default_answers_to_its_names(name: str) -> None:
    assert CATALOGUE.find(name) is CATALOGUE.default


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match=r"no model is called 'smolm2'; did you mean 'smollm2'\?"):
        CATALOGUE.find("smolm2")


def test_the_catalogue_agrees_with_the_default_model_itself(default_model: Path) -> None:
    entry = CATALOGUE.default
    assert CATALOGUE.of_file(default_model.name) is entry
    with GGUFFile.open(default_model) as file:
        assert file.size == entry.size
        assert file.metadata["llama.context_length"] == entry.context_length
        assert sum(tensor.num_elements for tensor in file.tensors.values()) == entry.num_parameters
