"""The test models are what they claim, read by the `gguf` package and followed by plain numpy."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.support.gguf_files import END_ID, TinyLlama, byte_letters, permute_rows, scripted_gguf, tiny_gguf


def follow(path: Path, token: int, limit: int) -> tuple[bytes, int]:
    """Return the bytes that the head's argmax leads through from `token`, and the last token."""
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: np.array(tensor.data, dtype=np.float32) for tensor in reader.tensors}
    letters = {letter: byte for byte, letter in enumerate(byte_letters())}
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    text = b""
    for _ in range(limit):
        scores = tensors["output.weight"] @ tensors["token_embd.weight"][token]
        best, runner_up = np.sort(scores)[[-1, -2]]
        assert best - runner_up > 100
        token = int(scores.argmax())
        if token == END_ID:
            break
        text += bytes(letters[letter] for letter in tokens[token])
    return text, token


@pytest.mark.parametrize(
    "reply",
    [
        "Hello, world!",
        "Grüße an 世界 👋🏽",
        "aaaaaaaaaaaaaaaaaaaaa",
        "the the the",
        "",
        "ab",
        "no\x1b[31m!\n\n" * 90,
    ],
)
def test_the_scripted_model_says_its_reply_whatever_came_before(tmp_path: Path, reply: str) -> None:
    path = scripted_gguf(tmp_path / "scripted.gguf", reply)
    for start in (1, 13, 200):
        assert follow(path, start, 10_000) == (reply.encode(), END_ID)


def test_an_endless_scripted_model_goes_round(tmp_path: Path) -> None:
    path = scripted_gguf(tmp_path / "scripted.gguf", "round and round", is_endless=True)
    text, last = follow(path, 1, 100)
    assert text.startswith(b"round and roundround and round")
    assert last != END_ID


def test_the_same_spec_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = tiny_gguf(tmp_path / "a.gguf").read_bytes()
    assert first == tiny_gguf(tmp_path / "b.gguf").read_bytes()
    assert first != tiny_gguf(tmp_path / "c.gguf", TinyLlama(seed=1)).read_bytes()


def test_permuted_rows_interleave_the_halves_of_each_head() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert permute_rows(rows, num_heads=2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
