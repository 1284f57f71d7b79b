"""A folder's tokenizer against the `tokenizers` library on its tokenizer.json, and against a GGUF's."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Encoder

from chatterm.conversation import Message
from chatterm.engine.local.text.prompt_ids import open_prompt_encoder
from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.errors import BadModelFile, ModelNotFound
from tests.support.scripts import SCRIPTS
from tests.support.tokenizer_folders import KINDS, Json, metadata_of, tokenizer_json, write_tokenizer

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "[INST]")
ROWS = 4096
TEXTS = {
    **SCRIPTS,
    "empty": "",
    "a space": " ",
    "space first": "  two spaces, then words",
    "long": "".join(SCRIPTS.values()) * 80,
}


def from_json(content: Json, folder: Path, config: Json | None = None) -> Tokenizer:
    return Tokenizer.from_folder(write_tokenizer(folder, content, config), ROWS)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    folder = tmp_path_factory.mktemp("tokenizers")
    return {name: from_json(tokenizer_json(kind, CONTROL), folder / name) for name, kind in KINDS.items()}


def oracle(content: Json) -> Any:  # a function of tokenizers' objects
    encoder = Encoder.from_str(json.dumps(content))
    encoder.encode_special_tokens = True
    return lambda text: encoder.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("name", KINDS)
def test_ids_are_those_of_the_tokenizers_library(small: dict[str, Tokenizer], name: str) -> None:
    expected = oracle(tokenizer_json(KINDS[name], CONTROL))
    assert {key: small[name].encode_text(text) for key, text in TEXTS.items()} == {
        key: expected(text) for key, text in TEXTS.items()
    }


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.has_twin])
def test_ids_are_those_of_the_same_vocabulary_in_a_gguf(small: dict[str, Tokenizer], name: str) -> None:
    twin = Tokenizer.from_metadata(metadata_of(KINDS[name], CONTROL))
    assert {key: small[name].encode_text(text) for key, text in TEXTS.items()} == {
        key: twin.encode_text(text) for key, text in TEXTS.items()
    }
    assert [small[name].token_bytes(n) for n in range(twin.num_tokens)] == [
        twin.token_bytes(n) for n in range(twin.num_tokens)
    ]
    assert small[name].control_ids == twin.control_ids


def test_kinds_differ_from_each_other(small: dict[str, Tokenizer]) -> None:
    """Were two kinds the same, the tables could not tell that one was taken for the other.

    Three pairs differ elsewhere: in nothing, in whole words, in what stands after control tokens.
    """
    ids = {name: str([small[name].encode_text(text) for text in TEXTS.values()]) for name in KINDS}
    twins = {frozenset(b for b in KINDS if ids[b] == ids[a]) for a in KINDS}
    pairs = [{"smollm2", "granite"}, {"llama 3", "olmo2"}, {"mistral, first", "mistral, words"}]
    assert {pair for pair in twins if len(pair) > 1} == set(map(frozenset, pairs))


@pytest.mark.parametrize("name", KINDS)
def test_decoding_is_the_inverse(small: dict[str, Tokenizer], name: str) -> None:
    for text in SCRIPTS.values():
        if name != "qwen" and not text.startswith(" "):
            assert small[name].decode(small[name].encode_text(text)) == text


@settings(deadline=None, max_examples=60)
@given(pieces=st.lists(st.sampled_from([*CONTROL, "<s>", "</s>", "<unk>", "<0x0A>", " ", "x", "\n", "<"])))
def test_text_never_becomes_a_control_token(small: dict[str, Tokenizer], pieces: list[str]) -> None:
    text = "".join(pieces)
    for tokenizer in small.values():
        ids = tokenizer.encode_text(text)
        assert len(tokenizer.control_ids) >= len(CONTROL)
        assert not set(ids) & set(tokenizer.control_ids.values())
        assert tokenizer.decode(ids).lstrip(" ") == text.lstrip(" ")


def test_added_tokens_that_are_text_are_found_and_markup_is_control(tmp_path: Path) -> None:
    content = tokenizer_json(KINDS["qwen"], ("<|end|>",), ("    ", "<table>", "<think>"))
    tokenizer = from_json(content, tmp_path)
    assert set(tokenizer.control_ids) == {"<|end|>", "<think>"}
    ids = tokenizer.encode_text("x    y<table><think>")
    assert {1, 2} <= set(ids)
    assert 3 not in ids
    assert tokenizer.decode(ids) == "x    y<table><think>"


def test_a_word_whose_id_an_added_token_took_is_spelled_by_others(tmp_path: Path) -> None:
    """Whoever tunes a model may give an unused word of its vocabulary to a control token."""
    content = tokenizer_json(KINDS["llama 3"], CONTROL)
    vocab = content["model"]["vocab"]
    vocab["zqxj"] = vocab.pop("<|im_end|>")
    tokenizer = from_json(content, tmp_path)
    ids = tokenizer.encode_text("zqxj")
    assert tokenizer.control_ids["<|im_end|>"] not in ids
    assert tokenizer.decode(ids) == "zqxj"


def test_added_tokens_are_matched_in_the_text_as_it_stands(tmp_path: Path) -> None:
    """gemma's `▁▁` is an added token that spaces do not become: merges make them."""
    content = tokenizer_json(KINDS["gemma"], (), (f"{chr(0x2581)}" * 3,))
    tokenizer = from_json(content, tmp_path)
    text = "a   b    c     d\n   e"
    assert tokenizer.encode_text(text) == oracle(content)(text)


def test_special_tokens_come_from_the_configurations(tmp_path: Path) -> None:
    content = tokenizer_json(KINDS["llama 3"], ("<|begin|>", "<|eot_id|>", "<|eom_id|>", "<|other|>"))
    content["post_processor"] = {
        "type": "Sequence",
        "processors": [
            {"type": "ByteLevel"},
            {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}]},
        ],
    }
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [3, 1]}')
    (tmp_path / "config.json").write_text('{"eos_token_id": 2, "bos_token_id": 3}')
    config = {"bos_token": {"content": "<|begin|>"}, "eos_token": "<|eot_id|>", "pad_token": None}
    tokenizer = from_json(content, tmp_path, config)
    assert (tokenizer.bos_id, tokenizer.add_bos) == (0, True)
    assert tokenizer.end_ids == {1, 2, 3}, "eom_id ends by its name, other by generation_config"
    assert tokenizer.special_texts == {"bos_token": "<|begin|>", "eos_token": "<|eot_id|>"}
    assert not from_json(content, tmp_path, {**config, "add_bos_token": False}).add_bos


def test_without_tokenizer_config_the_ids_of_config_count(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"eos_token_id": 2, "bos_token_id": 1}')
    tokenizer = from_json(tokenizer_json(KINDS["qwen"], ("<|a|>", "<|b|>", "<|c|>")), tmp_path)
    assert (tokenizer.bos_id, tokenizer.add_bos) == (1, False)
    assert tokenizer.end_ids == {2}


def test_rows_without_a_token_are_unused(tmp_path: Path) -> None:
    content = tokenizer_json(KINDS["qwen"])
    tokenizer = from_json(content, tmp_path)
    assert tokenizer.num_tokens == ROWS
    assert tokenizer.token_bytes(ROWS - 1)
    assert max(tokenizer.encode_text("[PAD4095]")) < len(content["model"]["vocab"])


def test_without_bytes_there_is_one_token_for_the_unknown(tmp_path: Path) -> None:
    content = tokenizer_json(KINDS["gemma"])
    content["model"]["vocab"] = {
        text: n for text, n in content["model"]["vocab"].items() if not text.startswith("<0x")
    }
    text = "a\u4e1e\u4e1eb <unk>"
    tokenizer = from_json(content, tmp_path)
    ids = tokenizer.encode_text(text)
    assert ids.count(0) == 1, "neighbours that are unknown are one"
    assert ids == oracle(content)(text)


def test_truncation_and_padding_of_the_file_are_left_out(tmp_path: Path) -> None:
    content = tokenizer_json(KINDS["qwen"])
    content["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    assert len(from_json(content, tmp_path).encode_text("one two three")) > 2


PHI3 = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


@pytest.mark.parametrize("name", ["llama 2 and phi3", "mistral, first", "mistral, words", "llama 3", "gemma"])
@pytest.mark.parametrize("strips", [True, False])
def test_a_conversation_has_the_ids_that_transformers_gives(name: str, strips: bool, tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    control = ("<|user|>", "<|assistant|>", "<|system|>", "<|end|>")
    flags = {"<|user|>": {"rstrip": strips}, "<|end|>": {"rstrip": strips, "lstrip": strips}}
    content = tokenizer_json(KINDS[name], control, flags=flags)
    tokenizer = from_json(content, tmp_path, {"eos_token": "<|end|>"})
    messages = [
        Message("system", "Be brief."),
        Message("user", " \n What is it?  "),
        Message("assistant", "A fox."),
        Message("user", "Привет, 世界 1234"),
    ]
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), eos_token="<|end|>")
    plain = [{"role": message.role, "content": message.content} for message in messages]
    expected = theirs.apply_chat_template(
        plain, chat_template=PHI3, add_generation_prompt=True, return_dict=False
    )
    assert open_prompt_encoder(tokenizer, PHI3, verdicts=None).encode(messages) == expected


def test_phi3_swallows_white_space_from_a_gguf_too(tmp_path: Path) -> None:
    """tokenizer.json says which control tokens do; of a GGUF it is the architecture that tells."""
    control = ("<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>")
    flags: dict[str, Json] = {token: {"rstrip": True} for token in ("</s>", *control[:3])}
    kind = KINDS["llama 2 and phi3"]
    folder = from_json(tokenizer_json(kind, control, flags=flags), tmp_path, {"eos_token": "<|end|>"})
    metadata = metadata_of(kind, control) | {"general.architecture": "phi3", "tokenizer.ggml.eos_token_id": 5}
    twin = Tokenizer.from_metadata(metadata)
    messages = [Message("user", "\n\n hi  "), Message("assistant", "ok"), Message("user", "bye")]
    ids = [open_prompt_encoder(one, PHI3, verdicts=None).encode(messages) for one in (folder, twin)]
    newline = twin.encode_text("\n")[-1]
    assert ids[0] == [i for i in ids[1] if i != twin.bos_id]
    assert newline not in ids[1]


def damaged(**changes: object) -> Json:
    return {**tokenizer_json(KINDS["qwen"], CONTROL), **changes}


def with_model(**changes: object) -> Json:
    content = damaged()
    content["model"] = {**content["model"], **changes}
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (damaged(model=None), "model should be an object"),
        (with_model(type="Unigram"), "type should be BPE .*'Unigram'"),
        (with_model(type="WordPiece"), "type should be BPE"),
        (with_model(vocab=[["a", 0.0]]), "vocab should be an object of token ids"),
        (with_model(vocab={"a": -1}), "vocab should be an object of token ids"),
        (with_model(vocab={"a": "x"}), "vocab should be an object of token ids"),
        (with_model(vocab={"a": 5000}), "tokens up to id 5,000, but the model's embedding has 4,096 rows"),
        (with_model(vocab={}), "damaged or of a kind"),
        (with_model(merges={}), "merges should be a list"),
        (with_model(merges=[["a", "nowhere"]]), "damaged or of a kind"),
        (with_model(merges=[["a"]]), "damaged or of a kind"),
        (with_model(merges=[7]), "damaged or of a kind"),
        (with_model(merges=[["a", "b" * 99]]), "damaged or of a kind"),
        (with_model(end_of_word_suffix="</w>"), "end_of_word_suffix should be absent"),
        (damaged(pre_tokenizer=None), "pre_tokenizer should be ByteLevel"),
        (damaged(pre_tokenizer={"type": "Whitespace"}), "pre_tokenizer should be ByteLevel"),
        (damaged(pre_tokenizer={"type": "Sequence", "pretokenizers": 3}), "a sequence of rules"),
        (damaged(pre_tokenizer={"type": ["ByteLevel"]}), "a sequence of rules"),
        (damaged(normalizer={"type": "Strip"}), "rules that lose no text"),
        (damaged(normalizer={"type": "Martian"}), "damaged or of a kind"),
        (damaged(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}), "tokenizer"),
        (damaged(added_tokens={}), None),
        (damaged(added_tokens=[{"id": 1}]), "tokens with an id and a content"),
        (damaged(added_tokens=[{"id": 10**9, "content": "x"}]), "tokens with an id and a content"),
    ],
)
def test_bad_files_are_refused(content: Json, message: str | None, tmp_path: Path) -> None:
    if message is None:
        from_json(content, tmp_path)
        return
    with pytest.raises(BadModelFile, match=message) as caught:
        from_json(content, tmp_path).encode_text("a b")
    assert "tokenizer" in str(caught.value)
    assert len(str(caught.value)) < 800


def test_a_rule_that_takes_for_ever_is_given_up(tmp_path: Path) -> None:
    content = tokenizer_json(KINDS["llama 3"])
    content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"(a+)+$|\w+"
    tokenizer = from_json(content, tmp_path)
    assert tokenizer.decode(tokenizer.encode_text("a word")) == "a word"
    for texts in (["a" * 60 + "b"], ["fine"] * 20 + ["a" * 60 + "b"] * 20):
        with pytest.raises(BadModelFile, match="gave up on this text"):
            tokenizer.encode_texts(texts)
    assert tokenizer.decode(tokenizer.encode_text("goes on")) == "goes on"


JUNK = st.sampled_from(
    [
        None, True, -1, 0, 1e308, 2**70, "", "x", "\u2581", "[", "(?<!a*)b", [], {}, [None], ["a", "b"],
        {"type": "ByteLevel"}, {"type": "Sequence"}, {"type": "Metaspace"}, {"String": ""}, {"Regex": "("},
    ]
).map(copy.deepcopy)  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_mutated_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = json.loads(_sound_text(data.draw(st.sampled_from(sorted(KINDS)))))
    for _ in range(data.draw(st.integers(1, 2))):
        _mutate(content, data)
    special = {"bos_token": data.draw(JUNK), "eos_token": data.draw(JUNK), "add_bos_token": data.draw(JUNK)}
    folder = tmp_path_factory.getbasetemp() / "mutated"
    try:
        tokenizer = from_json(content, folder, special)
    except BadModelFile:
        return
    ids = tokenizer.encode_text("Hello  world\n<|im_end|> 123 Привет \u2581x    ")
    assert not set(ids) & set(tokenizer.control_ids.values())
    tokenizer.decode(ids)


@cache
def _sound_text(name: str) -> str:
    return json.dumps(tokenizer_json(KINDS[name], CONTROL, ("    ",)))


def _mutate(content: Any, data: st.DataObject) -> None:
    """Replace a value somewhere in the first branches of a JSON value."""
    while True:
        keys = list(content)[:12] if isinstance(content, dict) else list(range(min(len(content), 6)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        inner = content[key]
        if not isinstance(inner, (dict, list)) or data.draw(st.integers(0, 3)) == 0:
            content[key] = data.draw(JUNK)
            return
        content = inner


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", "[" * 100_000, "null"])
def test_what_is_no_json_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadModelFile, match=r"tokenizer\.json"):
        Tokenizer.from_folder(tmp_path, ROWS)


def test_a_folder_without_tokenizer_json_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"no tokenizer\.json"):
        Tokenizer.from_folder(tmp_path, ROWS)
