"""Merges by score: those that are kept do what all would; what is kept on disk is trusted only when whole."""

import os
import string
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Encoder
from tokenizers import models

from chatterm.engine.local.text.cut_cache import EVERY, CutFile
from chatterm.engine.local.text.last_cuts import LONGEST, last_cuts
from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.errors import BadModelFile

LETTERS = "ab\u2581"


def metadata(tokens: Sequence[str], scores: Sequence[float]) -> dict[str, Any]:
    """A vocabulary of kind `llama` of these normal tokens, after one for the unknown."""
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": ["<unk>", *tokens],
        "tokenizer.ggml.token_type": [2] + [1] * len(tokens),
        "tokenizer.ggml.scores": [0.0, *scores],
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_space_prefix": False,
    }


def joined_by_all_pairs(tokens: Sequence[str], scores: Sequence[float]) -> Callable[[str], list[int]]:
    """An encoder that has every cut of every token into two as a merge, ranked by the token's score."""
    ids = {"<unk>": 0} | {token: n + 1 for n, token in enumerate(tokens)}
    parts = set(tokens)
    ranked = sorted(
        (-scores[ids[token] - 1], ids[token], token[:cut], token[cut:])
        for token in parts
        for cut in range(1, len(token))
        if token[:cut] in parts and token[cut:] in parts
    )
    pairs = [(left, right) for _, _, left, right in ranked]
    backend = Encoder(models.BPE(ids, pairs, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    return lambda text: list(backend.encode(text.replace(" ", "\u2581"), add_special_tokens=False).ids)


@st.composite
def vocabularies(draw: st.DrawFn) -> tuple[list[str], list[float]]:
    """Tokens of few letters, so that they overlap in every way; scores in any order, with equal ones."""
    letters = st.sampled_from([*LETTERS, "c"])
    words = st.lists(letters, min_size=2, max_size=7).map("".join)
    tokens = draw(st.lists(words, min_size=3, max_size=40, unique=True)) + list(LETTERS)
    tokens = draw(st.permutations(tokens))
    scores = draw(st.lists(st.integers(-9, 9).map(float), min_size=len(tokens), max_size=len(tokens)))
    return tokens, scores


@settings(deadline=None, max_examples=300)
@given(vocabulary=vocabularies(), texts=st.lists(st.text("ab c", max_size=30), min_size=5, max_size=20))
def test_the_merges_kept_do_what_all_would(
    vocabulary: tuple[list[str], list[float]], texts: list[str]
) -> None:
    tokenizer, oracle = Tokenizer.from_metadata(metadata(*vocabulary)), joined_by_all_pairs(*vocabulary)
    texts = [*texts, *vocabulary[0]]
    assert tokenizer.encode_texts(texts) == [oracle(text) for text in texts]


def test_of_equal_scores_the_lowest_id_is_joined_first() -> None:
    """The id of a spelling is its last one, so `bc` comes before `ab`."""
    tokens = ["ab", "bc", "a", "b", "c", "ab"]
    assert Tokenizer.from_metadata(metadata(tokens, [0.0] * 6)).encode_text("abc") == [3, 2]


def test_long_tokens_keep_every_cut() -> None:
    """Lengths on both sides of LONGEST, in an order in which the shorter ones do not come first."""
    lengths = [1, 2, 3, 5, 8, 16, LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST, 300]
    tokens = ["a" * length for length in lengths] + ["b", "ab", "aab" + "a" * 40]
    for step in (1, 3, 5):
        scores = [float(n * step % 7) for n in range(len(tokens))]
        tokenizer, oracle = (
            Tokenizer.from_metadata(metadata(tokens, scores)),
            joined_by_all_pairs(tokens, scores),
        )
        texts = ["a" * n + "b" + "a" * (700 - n) for n in range(0, 700, 9)]
        assert tokenizer.encode_texts(texts) == [oracle(text) for text in texts]


def test_far_too_many_long_tokens_are_refused() -> None:
    """Runs of up to 3,000 letters: 4.5 million cuts, of 9 GB together."""
    runs = ["a" * length for length in range(1, 3001)]
    with pytest.raises(BadModelFile, match=r"bad\.gguf: .*parts of words.* up to 3,000 characters"):
        Tokenizer.from_metadata(metadata(runs, [0.0] * 3000), "bad.gguf")


@pytest.mark.parametrize(
    ("tokens", "cuts"),
    [
        (["a", "b", "ab"], [0, 0, 1]),
        (["a", "b", "c", "bc", "ab", "abc"], [0, 0, 0, 1, 1, 1]),
        (["a", "b", "c", "ab", "bc", "abc"], [0, 0, 0, 1, 1, 2]),
        (["a", "b", "ab", "abab", "ba"], [0, 0, 1, 2, 1]),
        (["a", "ab", "abc"], [0, 0, 0]),
        (["a", "b", "c", "bc", "abcd", "abc"], [0, 0, 0, 1, 0, 1]),
        (["a", "b", "c", "d", "bc", "abcd", "cd"], [0, 0, 0, 0, 1, 0, 1]),
        ([], []),
        ([""], [0]),
        (["", "a", "aa", "a" * LONGEST, "a" * (LONGEST + 1)], [0, 0, 1, 0, EVERY]),
    ],
)
def test_a_token_is_cut_where_it_is_joined_last(tokens: list[str], cuts: list[int]) -> None:
    assert list(last_cuts(tokens)) == cuts


LARGE = ["".join(word) for size in (1, 2, 3) for word in product(string.ascii_lowercase[:18], repeat=size)]
SCORES = [-float(n * 7919 % len(LARGE)) for n in range(len(LARGE))]
TEXT = "abcdefghijklmnopqr" * 3 + "rqponmlkjihgfedcba" * 3 + "aaaabbbb"


def opened(folder: Path | None) -> Tokenizer:
    return Tokenizer.from_metadata(metadata(LARGE, SCORES), "large", folder)


def test_a_large_vocabulary_is_remembered(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    ids = opened(None).encode_text(TEXT)
    assert opened(folder).encode_text(TEXT) == ids
    (path,) = folder.iterdir()
    before = path.read_bytes()
    os.utime(path, (1e9, 1e9))
    number = path.stat().st_ino
    assert opened(folder).encode_text(TEXT) == ids
    assert (path.read_bytes(), path.stat().st_ino) == (before, number)
    assert path.stat().st_mtime > 1e9
    assert path.stat().st_mode & 0o077 == 0


def test_what_is_remembered_is_used(tmp_path: Path) -> None:
    """Were it not read, this forgery would change nothing: without a cut there are no merges."""
    opened(tmp_path)
    assert len(opened(tmp_path).encode_text(TEXT)) < len(TEXT)
    (path,) = tmp_path.iterdir()
    ranked = sorted(LARGE, key=lambda token: -SCORES[LARGE.index(token)])
    file = CutFile.of(ranked, tmp_path)
    assert file.path == path
    file.write(bytes(len(LARGE)))
    assert len(opened(tmp_path).encode_text(TEXT)) == len(TEXT)


@pytest.mark.parametrize(
    "damage", ["flip a cut", "flip the digest", "cut", "append", "empty", "other tokens"]
)
def test_damage_is_noticed_and_mended(tmp_path: Path, damage: str) -> None:
    ids = opened(tmp_path).encode_text(TEXT)
    (path,) = tmp_path.iterdir()
    good = path.read_bytes()
    other = CutFile.of([*LARGE[:-1], "other"], tmp_path / "other")
    other.write(bytes(len(LARGE)))
    bad = {
        "flip a cut": good[:-9] + bytes([good[-9] ^ 3]) + good[-8:],
        "flip the digest": bytes([good[0] ^ 1]) + good[1:],
        "cut": good[:-1],
        "append": good + b"\0",
        "empty": b"",
        "other tokens": other.path.read_bytes(),
    }
    path.write_bytes(bad[damage])
    assert opened(tmp_path).encode_text(TEXT) == ids
    assert path.read_bytes() == good


def put_folder(path: Path) -> None:
    path.mkdir()


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize("put", [put_folder, put_pipe, put_dangling_link])
def test_what_is_no_file_is_no_obstacle(tmp_path: Path, put: Callable[[Path], None]) -> None:
    ids = opened(tmp_path).encode_text(TEXT)
    (path,) = tmp_path.iterdir()
    path.unlink()
    put(path)
    done = threading.Thread(target=opened, args=(tmp_path,), daemon=True)
    done.start()
    done.join(timeout=60)
    assert not done.is_alive()
    assert opened(tmp_path).encode_text(TEXT) == ids


def test_a_folder_that_cannot_be_made_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ids = opened(None).encode_text(TEXT)
    assert opened(tmp_path / "file" / "tokenizers").encode_text(TEXT) == ids


def test_several_write_at_once(tmp_path: Path) -> None:
    ids = opened(None).encode_text(TEXT)
    with ThreadPoolExecutor(8) as pool:
        assert all(one.encode_text(TEXT) == ids for one in pool.map(opened, [tmp_path] * 16))
    assert [path.suffix for path in tmp_path.iterdir()] == [".cuts"]


def test_small_vocabularies_are_not_kept(tmp_path: Path) -> None:
    Tokenizer.from_metadata(metadata(["a", "b", "ab"], [0.0, 0.0, 0.0]), "small", tmp_path)
    assert list(tmp_path.iterdir()) == []
