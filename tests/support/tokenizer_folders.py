"""tokenizer.json files of every kind that the families use, with small vocabularies; and the same as GGUF.

The rules are written as the families' own files have them; the vocabularies are those of `vocabularies`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from gguf import TokenType

from tests.support.vocabularies import SPACE, Metadata, byte_level, sentencepiece

Json = dict[str, Any]  # JSON has many types

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_TAIL}"
QWEN2 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_TAIL}"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_WORD = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+"
_NAME = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
_SLASHES = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = rf"{_WORD}|{_NAME}|\p{{N}}|{_SLASHES}"
GPT_4O = rf"{_WORD}{_CONTRACTIONS}?|{_NAME}{_CONTRACTIONS}?|\p{{N}}{{1,3}}|{_SLASHES}"


def _bytes(*, regex: bool) -> Json:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": regex}


def _split(pattern: str) -> list[Json]:
    rule = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return [rule, _bytes(regex=False)]


_DIGITS = [{"type": "Digits", "individual_digits": True}, _bytes(regex=True)]
_SPELL = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
_PREPEND = {"type": "Prepend", "prepend": SPACE}


def _metaspace(scheme: str, *, split: bool) -> Json:
    return {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": split}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of tokenizer.json."""

    pre: str = ""
    """`tokenizer.ggml.pre` of the same in a GGUF; empty: SentencePiece's."""
    normalizer: Json | None = None
    splits: Sequence[Json] = ()
    takes_whole_words: bool = False
    space_prefix: bool = False
    """Of the same in a GGUF."""
    has_twin: bool = True
    """False: no GGUF says the same."""
    specials: Mapping[str, Json] = field(default_factory=dict)


KINDS = {
    "llama 3": Kind(pre="llama-bpe", splits=_split(LLAMA3), takes_whole_words=True),
    "qwen": Kind(pre="qwen2", normalizer={"type": "NFC"}, splits=_split(QWEN2)),
    "smollm2": Kind(pre="smollm", splits=_DIGITS),
    "granite": Kind(pre="refact", splits=_DIGITS),
    "olmo2": Kind(pre="dbrx", splits=_split(LLAMA3)),
    "mistral nemo": Kind(pre="tekken", splits=_split(TEKKEN), takes_whole_words=True),
    "phi 4": Kind(pre="gpt-4o", splits=_split(GPT_4O)),
    "gpt-2": Kind(pre="gpt-2", splits=[_bytes(regex=True)]),
    "gemma": Kind(
        normalizer=_SPELL,
        splits=[
            {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
        ],
    ),
    "llama 2 and phi3": Kind(
        normalizer={"type": "Sequence", "normalizers": [_PREPEND, _SPELL]}, space_prefix=True
    ),
    "mistral, first": Kind(splits=[_metaspace("first", split=False)], has_twin=False),
    "mistral, words": Kind(splits=[_metaspace("always", split=True)], has_twin=False),
}


def metadata_of(kind: Kind, control: Sequence[str] = (), user_defined: Sequence[str] = ()) -> Metadata:
    """The vocabulary as a GGUF's metadata."""
    if kind.pre:
        return byte_level(kind.pre, control=control, user_defined=user_defined)
    return sentencepiece(control=control, user_defined=user_defined, add_space_prefix=kind.space_prefix)


def tokenizer_json(
    kind: Kind,
    control: Sequence[str] = (),
    user_defined: Sequence[str] = (),
    flags: Mapping[str, Json] | None = None,
) -> Json:
    """The same vocabulary as tokenizer.json; `flags` are those of added tokens."""
    metadata = metadata_of(kind, control, user_defined)
    tokens, types = (metadata[f"tokenizer.ggml.{key}"] for key in ("tokens", "token_type"))
    added = [
        {
            "id": n, "content": tokens[n], "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": types[n] in (TokenType.CONTROL, TokenType.UNKNOWN),
            **(flags or {}).get(tokens[n], {}),
        }
        for n in range(len(tokens))
        if types[n] in (TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNKNOWN)
    ]  # fmt: skip
    merges = metadata.get("tokenizer.ggml.merges")
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": kind.normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": list(kind.splits)} if kind.splits else None,
        "post_processor": None, "decoder": None,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None if kind.pre else "<unk>",
            "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": not kind.pre,
            "byte_fallback": not kind.pre, "ignore_merges": kind.takes_whole_words,
            "vocab": {text: n for n, text in enumerate(tokens)},
            "merges": [m.split(" ", 1) for m in merges] if merges else _all_cuts(metadata),
        },
    }  # fmt: skip


def write_tokenizer(folder: Path, content: Json, config: Json | None = None) -> Path:
    """Write tokenizer.json and tokenizer_config.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config or {}), encoding="utf-8")
    return folder


def _all_cuts(metadata: Metadata) -> list[list[str]]:
    """Merges that do what SentencePiece's scores do, as transformers' conversion makes them."""
    tokens, scores, types = (metadata[f"tokenizer.ggml.{key}"] for key in ("tokens", "scores", "token_type"))
    normal = {text for text, kind in zip(tokens, types, strict=True) if kind == TokenType.NORMAL}
    ranks = dict(zip(tokens, count(), strict=False))
    ordered = sorted(normal, key=lambda text: (-scores[ranks[text]], ranks[text]))
    return [
        [text[:cut], text[cut:]]
        for text in ordered
        for cut in range(1, len(text))
        if text[:cut] in normal and text[cut:] in normal
    ]
