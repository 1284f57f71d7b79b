"""Token ids against transformers' and SentencePiece's rules, on many scripts; text stays text."""

import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.errors import BadModelFile
from tests.support.scripts import SCRIPTS
from tests.support.vocabularies import (
    SPACE,
    Metadata,
    byte_level,
    default_metadata,
    default_oracle,
    digits_apart,
    sentencepiece,
)

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "[INST]", "<｜User｜>")
DIALECTS = ("smollm", "gpt-2", "llama-bpe", "qwen2", "default", "tekken", "gpt-4o", "dbrx", "refact")
FRAGMENTS = [word for text in SCRIPTS.values() for word in text.split(" ")]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*FRAGMENTS, *CONTROL, " ", "  ", "\n", "\t", "\r\n", "7"]), max_size=12).map(
        "".join
    ),
)


@pytest.fixture(scope="module")
def default(default_model: Path) -> Tokenizer:
    return Tokenizer.from_metadata(default_metadata(default_model))


@pytest.fixture(scope="module")
def small() -> dict[str, Tokenizer]:
    return {pre: Tokenizer.from_metadata(byte_level(pre, control=CONTROL)) for pre in DIALECTS}


@pytest.fixture(scope="module")
def spm() -> Tokenizer:
    return Tokenizer.from_metadata(sentencepiece(control=["<|user|>"]))


def converted(metadata: Metadata) -> Callable[[str], list[int]]:
    """transformers' conversion of the arrays, mended where it differs from the models' own tokenizer.json."""
    from transformers.integrations.gguf import convert_gguf_tokenizer

    key = "tokenizer.ggml."
    pre = metadata.get(f"{key}pre", "")
    names = {"model": "tokenizer_type", "pre": "pre_tokenizer_type"}
    arrays = {
        names.get(name, name): value
        for name, value in ((k.removeprefix(key), v) for k, v in metadata.items())
    }
    backend: Any = convert_gguf_tokenizer("llama", arrays)[0]
    if pre in {"smollm", "refact"}:
        backend.pre_tokenizer = digits_apart()
    if pre == "dbrx":
        backend = convert_gguf_tokenizer("llama", {**arrays, "pre_tokenizer_type": "llama-bpe"})[0]
    backend.model.ignore_merges = pre in {"llama-bpe", "tekken"}
    backend.encode_special_tokens = True
    return lambda text: list(backend.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("script", SCRIPTS)
def test_default_model_agrees_with_transformers(default: Tokenizer, default_model: Path, script: str) -> None:
    text = SCRIPTS[script]
    oracle = default_oracle(default_model)
    assert default.encode_text(text) == oracle.encode(text, add_special_tokens=False)
    assert default.decode(default.encode_text(text)) == text


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a  2024 b", [81, 256, 34, 32, 34, 36, 278]),
        ("  42", [256, 36, 34]),
        ("1 000", [33, 216, 32, 32, 32]),
        ("x=1234567 if y  ==  3:", [104, 45, 33, 34, 35, 36, 37, 38, 39, 585, 329, 216, 1758, 256, 35, 42]),
        ("٣٤٥ ½", [164, 113, 164, 114, 164, 115, 216, 16738]),
        ("a\n\n\nb\t\tc", [81, 1116, 198, 82, 197, 197, 83]),
    ],
)
def test_default_model_agrees_with_llama_cpp(default: Tokenizer, text: str, ids: list[int]) -> None:
    """What llama.cpp gave for this file where digits meet white space: there conversions differ."""
    assert default.encode_text(text) == ids


@pytest.mark.parametrize("pre", DIALECTS)
def test_word_splits_agree_with_transformers(small: dict[str, Tokenizer], pre: str) -> None:
    oracle = converted(byte_level(pre, control=CONTROL))
    assert {name: small[pre].encode_text(text) for name, text in SCRIPTS.items()} == {
        name: oracle(unicodedata.normalize("NFC", text) if pre == "qwen2" else text)
        for name, text in SCRIPTS.items()
    }


def test_word_splits_differ_from_each_other(small: dict[str, Tokenizer]) -> None:
    """Were two rules the same, the comparison above could not tell that one was taken for the other."""
    everything = "".join(SCRIPTS.values())
    ids = {pre: tuple(small[pre].encode_text(everything)) for pre in DIALECTS}
    same = [{"smollm", "refact"}, {"gpt-2", "default"}, {"llama-bpe", "dbrx"}]
    for pre in DIALECTS:
        twins = {other for other in DIALECTS if ids[other] == ids[pre]}
        assert twins == next((group for group in same if pre in group), {pre})


@pytest.mark.parametrize("add_space_prefix", [True, False])
def test_sentencepiece_joins_by_score(add_space_prefix: bool) -> None:
    metadata = sentencepiece(add_space_prefix=add_space_prefix)
    tokenizer = Tokenizer.from_metadata(metadata)
    for text in SCRIPTS.values():
        assert tokenizer.encode_text(text) == joined_by_score(metadata, text)
        assert tokenizer.decode(tokenizer.encode_text(text)) == text


def joined_by_score(metadata: Metadata, text: str) -> list[int]:
    """SentencePiece's rule, obvious and slow: join the best-scored neighbours, the leftmost first."""
    tokens, scores = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.scores"]
    kinds = metadata["tokenizer.ggml.token_type"]
    ids = {token: n for n, token in enumerate(tokens) if kinds[n] == 1}
    prefix = " " if metadata["tokenizer.ggml.add_space_prefix"] else ""
    parts = list((prefix + text).replace(" ", SPACE))
    while True:
        pairs = [(scores[ids[a + b]], -n) for n, (a, b) in enumerate(pairwise(parts)) if a + b in ids]
        if not pairs:
            break
        at = -max(pairs)[1]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    byte_ids = {n: tokens.index(f"<0x{n:02X}>") for n in range(256)}
    return [
        n for part in parts for n in ([ids[part]] if part in ids else [byte_ids[b] for b in part.encode()])
    ]


def test_sentencepiece_agrees_with_transformers() -> None:
    """On texts without a space at the start: there transformers adds no second one, unlike SentencePiece."""
    metadata = sentencepiece()
    oracle, tokenizer = converted(metadata), Tokenizer.from_metadata(metadata)
    texts = [text for text in SCRIPTS.values() if not text.startswith(" ")]
    assert [tokenizer.encode_text(text) for text in texts] == [oracle(text) for text in texts]


@settings(deadline=None)
@given(text=TEXTS)
def test_decoding_is_the_inverse(
    default: Tokenizer, small: dict[str, Tokenizer], spm: Tokenizer, text: str
) -> None:
    assume(not text.startswith("\ud800") and all(not "\ud800" <= c <= "\udfff" for c in text))
    for pre, tokenizer in small.items():
        expected = unicodedata.normalize("NFC", text) if pre == "qwen2" else text
        assert tokenizer.decode(tokenizer.encode_text(expected)) == expected
    assert spm.decode(spm.encode_text(text)) == text.replace(SPACE, " ")
    spelt = default.decode(default.encode_text(text))
    assert len(spelt) == len(text)
    assert all(a in {b, "\ufffd"} for a, b in zip(spelt, text, strict=True))


def test_characters_without_bytes_become_replacement_characters(default: Tokenizer) -> None:
    """The default vocabulary has no token for six control characters and the empty planes 4 to 11."""
    assert default.decode(default.encode_text("a\x04b\U00040000c\ud800d")) == "a\ufffdb\ufffdc\ufffdd"


@settings(deadline=None)
@given(
    pieces=st.lists(st.sampled_from([*CONTROL, "<s>", "</s>", "<unk>", "<|user|>", "<0x0A>", " ", "x", "\n"]))
)
def test_text_never_becomes_a_control_token(
    default: Tokenizer, small: dict[str, Tokenizer], spm: Tokenizer, pieces: Sequence[str]
) -> None:
    text = "".join(pieces)
    for tokenizer in (default, spm, *small.values()):
        ids = tokenizer.encode_text(text)
        assert tokenizer.control_ids
        assert not set(ids) & set(tokenizer.control_ids.values())
        assert tokenizer.decode(ids) == text


def test_a_word_that_is_a_control_token_is_still_text() -> None:
    """`llama-bpe` takes whole words from the vocabulary; control tokens are not in it."""
    metadata = byte_level("llama-bpe", control=["stop"])
    tokenizer = Tokenizer.from_metadata(metadata)
    assert tokenizer.control_ids == {"stop": 0}
    assert 0 not in tokenizer.encode_text("stop")


@pytest.mark.parametrize("pre", ["smollm", "llama-bpe", "qwen2", "tekken"])
def test_long_text_is_cut_where_words_are(small: dict[str, Tokenizer], pre: str) -> None:
    text = "".join(SCRIPTS.values()) * 150
    assert len(text) > 100_000
    assert small[pre].encode_text(text) == converted(byte_level(pre, control=CONTROL))(
        unicodedata.normalize("NFC", text) if pre == "qwen2" else text
    )


def test_long_text_of_sentencepiece_is_cut_where_words_are(spm: Tokenizer) -> None:
    text = "".join(SCRIPTS.values()) * 100
    assert spm.encode_text(text) == converted(sentencepiece(control=["<|user|>"]))(text)


@pytest.mark.parametrize("vocabulary", [byte_level, sentencepiece])
def test_long_text_is_not_cut_inside_a_token(vocabulary: Callable[..., Metadata]) -> None:
    metadata = vocabulary(user_defined=["New York"])
    tokenizer = Tokenizer.from_metadata(metadata)
    token_id = metadata["tokenizer.ggml.tokens"].index("New York")
    for padding in range(4):
        text = "x" * padding + "New York" * 20_000
        assert tokenizer.encode_text(text).count(token_id) == 20_000


@pytest.mark.slow
@pytest.mark.parametrize(("pre", "letter"), [("llama-bpe", " "), ("tekken", "A")])
def test_endless_words_are_encoded(small: dict[str, Tokenizer], pre: str, letter: str) -> None:
    """Words of 12 million letters, each in one piece, make Oniguruma give up and `tokenizers` panic."""
    text = letter * 12_000_000 + "x"
    assert small[pre].decode(small[pre].encode_text(text)) == text


def test_whole_words_of_the_vocabulary_stay_whole() -> None:
    """A token that no merge makes: found by families that look words up first, and by no other."""
    ids = {}
    for pre in ("llama-bpe", "dbrx", "tekken", "qwen2"):
        metadata = byte_level(pre)
        metadata["tokenizer.ggml.tokens"].append("Ġxylophonist")
        metadata["tokenizer.ggml.token_type"].append(1)
        ids[pre] = Tokenizer.from_metadata(metadata).encode_text("a xylophonist")
    assert {pre for pre, found in ids.items() if len(found) == 2} == {"llama-bpe", "tekken"}


def test_user_defined_tokens_that_are_text() -> None:
    """Runs of spaces and HTML tags are found in text, and are no control tokens; markup of their own is."""
    literals = ["    ", "<table>", "€uro"]
    metadata = byte_level("gpt-2", control=["<|end|>"], user_defined=[*literals, "<think>", "[TOOL_CALLS]"])
    tokenizer = Tokenizer.from_metadata(metadata)
    assert set(tokenizer.control_ids) == {"<|end|>", "<think>", "[TOOL_CALLS]"}
    ids = tokenizer.encode_text("x    y<table>€uro<think>")
    assert ids[1] == 1
    assert {1, 2, 3} <= set(ids)
    assert tokenizer.decode(ids) == "x    y<table>€uro<think>"


def test_user_defined_tokens_of_sentencepiece_are_found_first() -> None:
    """Gemma's files spell runs of spaces with spaces, though its vocabulary has U+2581 everywhere else."""
    tokenizer = Tokenizer.from_metadata(sentencepiece(user_defined=["    ", "§§"], add_space_prefix=False))
    ids = tokenizer.encode_text("a    b§§c")
    assert {3, 4} <= set(ids)
    assert tokenizer.decode(ids) == "a    b§§c"


def test_sentencepiece_without_bytes_has_one_token_for_the_unknown() -> None:
    metadata = sentencepiece()
    kept = [n for n, kind in enumerate(metadata["tokenizer.ggml.token_type"]) if kind != 6]
    for key in ("tokens", "token_type", "scores"):
        metadata[f"tokenizer.ggml.{key}"] = [metadata[f"tokenizer.ggml.{key}"][n] for n in kept]
    tokenizer = Tokenizer.from_metadata(metadata)
    ids = tokenizer.encode_text("a\u4e1eb")
    assert 0 in ids
    assert tokenizer.decode(ids) == "a\ufffdb"


def test_the_default_models_special_tokens(default: Tokenizer) -> None:
    assert default.num_tokens == 49152
    assert (default.bos_id, default.add_bos) == (1, False)
    assert default.end_ids == {0, 2}
    assert default.special_texts == {
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|im_end|>",
    }
    assert default.control_ids["<repo_name>"] == 3
    assert len(default.control_ids) == 17
    assert [default.token_text(n) for n in (2, 33, 278)] == ["<|im_end|>", "1", " b"]
    assert default.decode([2, *default.encode_text("hi"), 0]) == "hi"
    assert not default.notes


@pytest.mark.parametrize("pre", ["llama-bpe", "tekken", "qwen2"])
@pytest.mark.parametrize("said", [None, True, False])
def test_bos_is_added_where_the_file_or_the_family_says_so(pre: str, said: bool | None) -> None:
    metadata = byte_level(pre, control=["<|begin_of_text|>"])
    metadata["tokenizer.ggml.bos_token_id"] = 0
    if said is not None:
        metadata["tokenizer.ggml.add_bos_token"] = said
    assert Tokenizer.from_metadata(metadata).add_bos == (pre != "qwen2" if said is None else said)


def test_a_vocabulary_without_bos_adds_none() -> None:
    assert not Tokenizer.from_metadata(byte_level("llama-bpe")).add_bos


def test_every_end_token_of_the_family_ends_a_reply() -> None:
    control = ["<|begin_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|finetune|>"]
    metadata = byte_level("llama-bpe", control=control)
    metadata["tokenizer.ggml.eos_token_id"] = 4
    assert Tokenizer.from_metadata(metadata).end_ids == {1, 2, 3, 4}


def test_turn_tokens_marked_as_normal_text_are_control_all_the_same() -> None:
    metadata = byte_level("gpt-2", control=["<|im_start|>", "<|im_end|>"])
    metadata["tokenizer.ggml.token_type"] = [1] * len(metadata["tokenizer.ggml.tokens"])
    tokenizer = Tokenizer.from_metadata(metadata)
    assert set(tokenizer.control_ids) == {"<|im_start|>", "<|im_end|>"}
    assert tokenizer.end_ids == {1}


def test_types_are_guessed_where_the_file_has_none() -> None:
    metadata = sentencepiece(control=["<|user|>"])
    expected = Tokenizer.from_metadata(metadata)
    del metadata["tokenizer.ggml.token_type"]
    guessed = Tokenizer.from_metadata(metadata)
    assert set(guessed.control_ids) == {*expected.control_ids, "<unk>"}
    assert guessed.encode_text("Привет\n😀") == expected.encode_text("Привет\n😀")


def test_an_unnamed_word_split_is_told() -> None:
    metadata = byte_level("default")
    assert "GPT-2" in Tokenizer.from_metadata(metadata).notes[0]
    del metadata["tokenizer.ggml.pre"]
    assert "GPT-2" in Tokenizer.from_metadata(metadata).notes[0]


def test_merges_of_control_tokens_are_left_out() -> None:
    metadata = byte_level("gpt-2", control=["ab"])
    metadata["tokenizer.ggml.merges"] = ["a b", *metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer.from_metadata(metadata)
    assert tokenizer.decode(tokenizer.encode_text("abc")) == "abc"
    assert 0 not in tokenizer.encode_text("abc")


def test_merges_that_make_more_than_the_longest_token_are_told_or_left_out() -> None:
    """The encoder panics over them: Python sees that as no Exception."""
    metadata = byte_level("gpt-2")
    longest = max(metadata["tokenizer.ggml.tokens"], key=len)
    for control, is_sound in (([], False), ([longest * 2], True)):
        metadata = byte_level("gpt-2", control=control)
        metadata["tokenizer.ggml.merges"] = [f"{longest} {longest}", *metadata["tokenizer.ggml.merges"]]
        if is_sound:
            assert Tokenizer.from_metadata(metadata).encode_text("abc")
        else:
            with pytest.raises(BadModelFile, match="should join two tokens to a third"):
                Tokenizer.from_metadata(metadata)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", None, "has no tokenizer.ggml.model"),
        ("model", 3, "model should be a text, but is 3"),
        ("model", "bert", "one of gpt2, llama, but is 'bert'"),
        ("pre", "klingon", "one of .*llama-bpe.*qwen2.*smollm.*, but is 'klingon'"),
        ("tokens", None, "tokens should be a list"),
        ("tokens", [], "tokens should be a list"),
        ("tokens", [1, 2], "tokens should be a list"),
        ("token_type", [1, 1], "as long as the .* tokens, but is '2 long'"),
        ("token_type", "normal", "token_type should be a list"),
        ("merges", None, "merges should be a list"),
        ("merges", ["a nowhere"], "holds 'a nowhere'"),
        ("merges", ["alone"], "holds 'alone'"),
        ("merges", ["z q"], "holds 'z q'"),
        ("eos_token_id", 10**6, "below the number of tokens, .*, but is 1000000"),
        ("bos_token_id", -1, "below the number of tokens"),
        ("unknown_token_id", "0", "unknown_token_id should be a whole number"),
        ("padding_token_id", True, "padding_token_id should be a whole number"),
        ("add_bos_token", "yes", "add_bos_token should be true or false"),
    ],
)
def test_bad_metadata_is_refused(key: str, value: object, message: str) -> None:
    metadata = byte_level("smollm", control=["<|im_end|>"])
    metadata[f"tokenizer.ggml.{key}"] = value
    with pytest.raises(BadModelFile, match=message) as caught:
        Tokenizer.from_metadata(metadata, "model.gguf")
    assert "model.gguf" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("scores", None, "scores should be as long"),
        ("scores", [0.0], "scores should be as long"),
        ("scores", [float("nan")], "scores should be a list of numbers"),
        ("scores", ["a"], "scores should be a list of numbers"),
        ("tokens", ["<0xZZ>"], "<0x00> to <0xFF>"),
    ],
)
def test_bad_sentencepiece_metadata_is_refused(key: str, value: list[object] | None, message: str) -> None:
    metadata = sentencepiece()
    num_tokens = len(metadata["tokenizer.ggml.tokens"])
    is_long = not message.endswith("as long")
    metadata[f"tokenizer.ggml.{key}"] = value * num_tokens if value and is_long else value
    with pytest.raises(BadModelFile, match=message):
        Tokenizer.from_metadata(metadata)


def test_text_without_tokens_is_refused() -> None:
    metadata = sentencepiece()
    for key in ("tokens", "token_type", "scores"):
        metadata[f"tokenizer.ggml.{key}"] = metadata[f"tokenizer.ggml.{key}"][-2:]
    for key in ("unknown", "bos", "eos"):
        del metadata[f"tokenizer.ggml.{key}_token_id"]
    with pytest.raises(BadModelFile, match="all 256 bytes, or one for the unknown"):
        Tokenizer.from_metadata(metadata)


def test_threads_share_a_tokenizer(default: Tokenizer) -> None:
    texts = list(SCRIPTS.values()) * 20
    alone = [default.encode_text(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(default.encode_text, texts)) == alone
