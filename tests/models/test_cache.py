"""The cache is listed by kind, kept below its caps, and emptied whole."""

import os
from pathlib import Path

import pytest

from chatterm.models import cache
from chatterm.models.cache import (
    CAPS,
    NATIVE,
    TEMPLATES,
    TOKENIZERS,
    cache_uses,
    clear_cache,
    trim_cache,
)


def write(path: Path, size: int, age_s: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (1e9 - age_s, 1e9 - age_s))
    return path


def test_what_is_not_there_takes_nothing(tmp_path: Path) -> None:
    uses = cache_uses(tmp_path / "none")
    assert [use.kind for use in uses] == list(CAPS)
    assert not any(use.num_entries or use.num_bytes for use in uses)
    assert clear_cache(tmp_path / "none") == 0
    trim_cache(tmp_path / "none")


def test_every_kind_and_every_stranger_is_counted(tmp_path: Path) -> None:
    write(tmp_path / TEMPLATES / "a.json", 10)
    write(tmp_path / TEMPLATES / "b.json", 20)
    write(tmp_path / NATIVE / "model" / "deep" / "w", 3000)
    write(tmp_path / NATIVE / "model" / "v", 4)
    write(tmp_path / "stranger", 5)
    found = {use.kind: (use.num_entries, use.num_bytes) for use in cache_uses(tmp_path)}
    kept = dict.fromkeys(CAPS, (0, 0)) | {TEMPLATES: (2, 30), NATIVE: (1, 3004)}
    assert found == kept | {"stranger": (1, 5)}


def test_clearing_leaves_an_empty_folder_and_nothing_beside_it_changes(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "precious", 100)
    folder = tmp_path / "cache"
    write(folder / NATIVE / "k.so", 1000)
    (folder / TOKENIZERS).symlink_to(outside.parent)
    assert clear_cache(folder) >= 1000
    assert list(folder.iterdir()) == []
    assert outside.read_bytes() == b"x" * 100


def test_the_oldest_go_until_a_kind_is_within_its_cap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cache.CAPS, TOKENIZERS, 250)
    old = write(tmp_path / TOKENIZERS / "b-old", 100, age_s=500)
    older = write(tmp_path / TOKENIZERS / "c-older" / "w", 100, age_s=900)
    os.utime(older.parent, (1e9 - 900, 1e9 - 900))
    new = write(tmp_path / TOKENIZERS / "a-new", 100)
    kept = write(tmp_path / NATIVE / "k.so", 1000, age_s=9999)
    trim_cache(tmp_path)
    assert not older.parent.exists()
    assert old.exists()
    assert new.exists()
    assert kept.exists()
