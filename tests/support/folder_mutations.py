"""Model folders that are nearly sound: a value in JSON absurd, a header of weights wrong, bytes damaged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

Json = Any  # JSON has many types
Way = tuple[str | int, ...]
"""From the outermost value to one within."""

_JSON_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")
_WEIGHTS = "model.safetensors"
_MOST_WAYS = 40
"""Of one list or object: a vocabulary has thousands of entries, all alike."""
ABSURD: Sequence[Json] = [
    None, True, False, 0, -1, 1, 2, 3, 7, 63, 1000, 2**16, 2**31, 2**63, 2**64, 10**30, -(2**31), 0.0,
    -0.0, 0.5, 1e-30, 1e30, 1e308, float("nan"), float("inf"), "", "x", "\0", "\ud800", "llama", "F32", "I64",
    "BF16", "BPE", "Unigram", "default", "yarn", "linear", "float32", "a" * 3000, [], [0], [[]], [0, 1],
    [2**62, 2**62], {}, {"a": {}}, [1] * 10_000, {"type": "x"}, {"Regex": "("}, {"Regex": "(a*)*b"},
    "<|im_end|>", 320, 2048,
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder's files."""

    files: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> "Folder":
        return cls({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})

    def write(self, folder: Path, changed: Mapping[str, bytes | None]) -> None:
        """Write the folder with some of its files changed; None is one that is missing."""
        for name, content in {**self.files, **changed}.items():
            if content is None:
                (folder / name).unlink(missing_ok=True)
            elif not (folder / name).exists() or (folder / name).read_bytes() != content:
                (folder / name).write_bytes(content)


def hostile_folders(base: Folder) -> st.SearchStrategy[dict[str, bytes | None]]:
    """Changed files of one folder, by name."""
    names = sorted(base.files)
    single = st.one_of(
        *[_changed_json(base, name) for name in _JSON_FILES if name in base.files],
        *[_changed_json(base, name) for name in ("config.json", "tokenizer.json")],
        *[_changed_header(base)] * 2,
        st.builds(lambda name, damage: {name: damage(base.files[name])}, st.sampled_from(names), _damages()),
        st.builds(lambda name: {name: None}, st.sampled_from(names)),
    )
    return st.lists(single, min_size=1, max_size=2).map(_joined)


def _joined(parts: Sequence[Mapping[str, bytes | None]]) -> dict[str, bytes | None]:
    return {name: content for part in parts for name, content in part.items()}


def _damages() -> st.SearchStrategy[Any]:
    flips = st.lists(st.tuples(st.integers(0, 2**13), st.integers(0, 255)), min_size=1, max_size=6)

    def flip(places: Sequence[tuple[int, int]]) -> Any:
        def damaged(raw: bytes) -> bytes:
            changed = bytearray(raw or b"\0")
            for place, byte in places:
                changed[place % len(changed)] = byte
            return bytes(changed)

        return damaged

    return st.one_of(
        st.builds(flip, flips),
        st.builds(lambda size: lambda raw: raw[: size % (len(raw) + 1)], st.integers(0, 2**20)),
        st.sampled_from(
            [
                lambda raw: b"[" * 100_000,
                lambda raw: b'{"a":' * 50_000,
                lambda raw: raw + raw,
                lambda raw: b"\xff\xfe" + raw,
                lambda raw: raw[: len(raw) // 2] + b"\xff" * (len(raw) - len(raw) // 2),
            ]
        ),
    )


def _changed_json(base: Folder, name: str) -> st.SearchStrategy[dict[str, bytes | None]]:
    content = json.loads(base.files[name])
    return json_changes(content).map(lambda changed: {name: _dump(changed)})


def _changed_header(base: Folder) -> st.SearchStrategy[dict[str, bytes | None]]:
    raw = base.files[_WEIGHTS]
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]

    def joined(changed: Json) -> dict[str, bytes | None]:
        head = _dump(changed)
        return {_WEIGHTS: len(head).to_bytes(8, "little") + head + data}

    return json_changes(header).map(joined)


def _dump(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


def json_changes(content: Json, absurd: Sequence[Json] = ABSURD) -> st.SearchStrategy[Json]:
    """The same value with one or two of those within it replaced by something absurd, or dropped."""
    ways = list(_ways(content))
    change = st.tuples(
        st.sampled_from(ways), st.sampled_from(["set"] * 4 + ["drop"]), st.sampled_from(ABSURD)
    )
    return st.lists(change, min_size=1, max_size=2).map(lambda made: _apply(content, made))


def _ways(value: Json, so_far: Way = ()) -> list[Way]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[Way] = []
    for key, one in list(inner)[:_MOST_WAYS]:
        found.append((*so_far, key))
        found += _ways(one, (*so_far, key))
    return found


def _apply(content: Json, made: Sequence[tuple[Way, str, Json]]) -> Json:
    content = json.loads(json.dumps(content))
    for way, what, value in made:
        place = content
        for key in way[:-1]:
            try:
                place = place[key]
            except (KeyError, IndexError, TypeError):
                break
        else:
            _put(place, way[-1], what, value)
    return content


def _put(place: Json, key: str | int, what: str, value: Json) -> None:
    """Set or drop one entry, where it is still there."""
    is_inside = isinstance(place, list) and isinstance(key, int) and key < len(place)
    if not isinstance(place, dict) and not is_inside:
        return
    if what == "set":
        place[key] = value
    elif is_inside or key in place:
        place.pop(key)
