"""Text piece by piece: whole characters, nothing lost, stop strings found wherever tokens cut them."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders

from chatterm.engine.local.text.text_stream import TextStream
from chatterm.engine.local.text.tokenizer import Tokenizer
from tests.support.scripts import SCRIPTS
from tests.support.vocabularies import byte_level, default_metadata, sentencepiece


@pytest.fixture(scope="module")
def default(default_model: Path) -> Tokenizer:
    return Tokenizer.from_metadata(default_metadata(default_model))


@pytest.fixture(scope="module")
def letters() -> Tokenizer:
    """Of which every token is one byte, so that each character of text comes by itself."""
    metadata = byte_level("gpt-2", control=["<|end|>"])
    metadata["tokenizer.ggml.merges"] = metadata["tokenizer.ggml.merges"][:1]
    return Tokenizer.from_metadata(metadata)


@pytest.fixture(scope="module")
def spm() -> Tokenizer:
    return Tokenizer.from_metadata(sentencepiece())


def pieces_of(stream: TextStream, ids: Sequence[int]) -> list[str]:
    return [*(stream.push(token_id) for token_id in ids), stream.flush()]


@pytest.mark.parametrize("script", SCRIPTS)
def test_joined_pieces_are_the_text(
    default: Tokenizer, letters: Tokenizer, spm: Tokenizer, script: str
) -> None:
    text = SCRIPTS[script]
    for tokenizer in (default, letters, spm):
        stream = TextStream(tokenizer, drops_first_space=tokenizer.add_space_prefix)
        pieces = pieces_of(stream, tokenizer.encode_text(text))
        assert "".join(pieces) == text
        assert not any("\ufffd" in piece for piece in pieces)
        assert tokenizer is not letters or sum(map(bool, pieces)) > len(text) // 2


@settings(deadline=None)
@given(numbers=st.lists(st.integers(0, 49151), max_size=60))
def test_any_tokens_give_what_decoding_them_gives(
    default: Tokenizer, spm: Tokenizer, numbers: list[int]
) -> None:
    for tokenizer in (default, spm):
        ids = [number % tokenizer.num_tokens for number in numbers]
        stream = TextStream(tokenizer, drops_first_space=tokenizer.add_space_prefix)
        assert "".join(pieces_of(stream, ids)) == tokenizer.decode(ids)


@settings(deadline=None)
@given(numbers=st.lists(st.integers(17, 49151), max_size=60))
def test_byte_level_decoding_agrees_with_tokenizers(
    default: Tokenizer, default_model: Path, numbers: list[int]
) -> None:
    tokens = default_metadata(default_model)["tokenizer.ggml.tokens"]
    expected = decoders.ByteLevel().decode([tokens[number] for number in numbers])
    assert "".join(pieces_of(TextStream(default), numbers)) == expected


def test_a_character_comes_whole(default: Tokenizer) -> None:
    stream = TextStream(default)
    ids = default.encode_text("💩!")
    assert [stream.push(token_id) for token_id in ids] == ["", "", "💩", "!"]
    assert stream.flush() == ""


def test_half_a_character_at_the_end_becomes_a_replacement_character(default: Tokenizer) -> None:
    stream = TextStream(default)
    assert pieces_of(stream, default.encode_text("ok 💩")[:-1])[-1] == "\ufffd"


def test_broken_bytes_do_not_hold_text_back(letters: Tokenizer) -> None:
    stream = TextStream(letters)
    lone = letters.encode_text("é")[1]
    assert stream.push(lone) == "\ufffd"
    assert stream.push(letters.encode_text("a")[0]) == "a"


def test_control_tokens_have_no_text(default: Tokenizer) -> None:
    first, *rest = default.encode_text("💩")
    stream = TextStream(default)
    assert "".join(pieces_of(stream, [2, first, 1, *rest, 0])) == "💩"


@pytest.mark.parametrize(
    ("stop", "text", "expected"),
    [
        (["."], "One. Two.", "One"),
        (["\nInput:"], "Paris\nInput: x", "Paris"),
        (["\n\nInput:", "\nInput:"], "Paris\n\nInput: x", "Paris"),
        (["END", "E"], "the END", "the "),
        (["abc", "b"], "xabcx", "xa"),
        (["bc", "abc"], "xabcx", "x"),
        (["aab"], "aaaab", "aa"),
        (["abab!"], "ababab!", "ab"),
        (["💩"], "so 💩 it", "so "),
        (["never"], "nev ever neve", None),
        (["x" * 50], "x" * 49, None),
        (["", "!"], "a!b", "a"),
        ([""], "all of it", None),
        ([], "all of it", None),
        (["all of it"], "all of it", ""),
    ],
)
def test_a_stop_string_ends_the_text(
    default: Tokenizer, letters: Tokenizer, stop: list[str], text: str, expected: str | None
) -> None:
    for tokenizer in (default, letters):
        stream = TextStream(tokenizer, stop)
        pieces = pieces_of(stream, tokenizer.encode_text(text))
        assert "".join(pieces) == (text if expected is None else expected)
        assert stream.finished_by_stop == (expected is not None)


def test_only_what_may_become_a_stop_string_is_held_back(letters: Tokenizer) -> None:
    stream = TextStream(letters, ["</s>"])
    pieces = [stream.push(token_id) for token_id in letters.encode_text("a<b</x</s>more")]
    assert pieces == ["a", "", "<b", "", "", "</x", "", "", "", "", "", "", "", ""]
    assert stream.finished_by_stop
    assert stream.flush() == ""


@settings(deadline=None)
@given(
    text=st.text("ab\n💩", max_size=30),
    stop=st.lists(st.text("ab\n💩", min_size=1, max_size=4), max_size=3),
)
def test_how_tokens_cut_the_text_changes_nothing(
    default: Tokenizer, letters: Tokenizer, text: str, stop: list[str]
) -> None:
    ends = [(text.find(s) + len(s), text.find(s)) for s in stop if s in text]
    expected = text[: min(ends)[1]] if ends else text
    for tokenizer in (default, letters):
        assert "".join(pieces_of(TextStream(tokenizer, stop), tokenizer.encode_text(text))) == expected


@pytest.mark.parametrize("drops", [True, False])
def test_a_first_space_is_dropped_where_it_only_parts_words(letters: Tokenizer, drops: bool) -> None:
    stream = TextStream(letters, drops_first_space=drops)
    text = "".join(pieces_of(stream, letters.encode_text("  a b")))
    assert text == (" a b" if drops else "  a b")


def test_time_is_linear_whatever_comes(letters: Tokenizer) -> None:
    """Ten times the tokens, far less than a hundred times the time; broken bytes are DecodeStream's trap."""
    lone = letters.encode_text("é")[1]

    def seconds(num_tokens: int) -> float:
        stream = TextStream(letters, ["\ufffd" * 30 + "x"])
        start = time.thread_time()
        for _ in range(num_tokens):
            stream.push(lone)
        return time.thread_time() - start

    assert seconds(50_000) < 40 * min(seconds(5_000) for _ in range(3))
