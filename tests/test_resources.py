"""Shipped data is found where a wheel and a checkout keep it, and nowhere else."""

from pathlib import Path

import pytest

from chatterm.resources import shipped_folder, shipped_prompts


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "chatterm"
    folder.mkdir(parents=True)
    return folder


def test_the_prompts_of_this_checkout_are_found() -> None:
    assert shipped_prompts().is_dir()


def test_an_installed_package_uses_its_own_data_and_not_a_neighbour_of_that_name(package: Path) -> None:
    inside = package / "_shipped" / "prompts"
    inside.mkdir(parents=True)
    (package.parent / "prompts").mkdir()
    assert shipped_folder("prompts", package) == inside


def test_a_checkout_uses_the_folder_at_its_root(package: Path) -> None:
    (package.parent / "prompts").mkdir()
    (package.parent / "pyproject.toml").touch()
    assert shipped_folder("prompts", package) == package.parent / "prompts"


def test_a_stranger_beside_the_package_is_not_taken_for_a_checkout(package: Path) -> None:
    (package.parent / "prompts").mkdir()
    with pytest.raises(FileNotFoundError, match=r"lacks its own prompts .*install it again"):
        shipped_folder("prompts", package)
