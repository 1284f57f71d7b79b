"""The tokenizer of a model folder: tokenizer.json, with what the configurations beside it say.

Takes the rules that tokenizer.json has for text (its normalizer, its pre-tokenizer, its merges) into an
encoder that lacks the control tokens, so that no text can become one; truncation, padding and templates
are left out, as prompts are put together elsewhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, models
from tokenizers import Tokenizer as Encoder

from chatterm.engine.local.text.encoders import SEAMS, missing_bytes
from chatterm.engine.local.text.text_encoder import SPACE, TextEncoder, panics_told
from chatterm.engine.local.text.tokenizer_file import Rule, TokenizerFile
from chatterm.engine.local.text.vocabulary import (
    BYTE_NAME,
    END_NAMES,
    TokenType,
    Vocabulary,
    VocabularyKind,
    has_all_bytes,
    sort_out,
    text_ids,
)
from chatterm.engine.local.text.word_splits import WordSplit
from chatterm.errors import BadModelFile
from chatterm.models.checkpoint_config import ConfigReader, read_json

_SPACE_SEAM = re.compile(r"[^\W_](?= )")
_PROBE = "ab cd\nef1 2  g\n\nh Жж я\nあ い 345 x\r\ny"
_UNPADDED: Mapping[str, object] = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "post_processor": None,
    "decoder": None, "model": {"type": "BPE", "vocab": {}, "merges": []},
}  # fmt: skip


def read_tokenizer(folder: Path, num_tokens: int) -> tuple[Vocabulary, TextEncoder]:
    """Read a folder's tokenizer. Raises ModelNotFound, BadModelFile; see `Tokenizer.from_folder`."""
    path = folder / "tokenizer.json"
    file = TokenizerFile.read(path)
    settings = _Settings.read(folder)
    vocabulary = _vocabulary(file, settings, num_tokens)
    try:
        with panics_told(f"{path} cannot be used"):
            return vocabulary, _encoder(file, vocabulary)
    except BadModelFile:
        raise
    except Exception as error:  # `tokenizers` raises nothing narrower
        reason = " ".join(str(error).split())[:200]
        raise BadModelFile(f"{path} is damaged or of a kind chatterm cannot run: {reason}") from error


@dataclass(frozen=True, slots=True)
class _Settings:
    """What the other files say of special tokens."""

    names: Mapping[str, str]
    """`bos_token`, `eos_token`, `unk_token`, `pad_token`, as far as tokenizer_config.json names them."""
    add_bos: bool | None
    bos_id: int | None
    end_ids: frozenset[int]
    """By generation_config.json and config.json; they may say more than one."""

    @classmethod
    def read(cls, folder: Path) -> "_Settings":
        own, generation, config = (
            _read_if_there(folder / name)
            for name in ("tokenizer_config.json", "generation_config.json", "config.json")
        )
        names = {}
        for key in ("bos_token", "eos_token", "unk_token", "pad_token"):
            value = own.values.get(key)
            value = value.get("content") if isinstance(value, dict) else value
            if isinstance(value, str):
                names[key] = value
        add_bos = own.values.get("add_bos_token")
        bos_ids = () if own.values else (*_ids(generation, "bos_token_id"), *_ids(config, "bos_token_id"))
        ends = _ids(generation, "eos_token_id") or _ids(config, "eos_token_id")
        return cls(
            names,
            add_bos if isinstance(add_bos, bool) else None,
            next(iter(bos_ids), None),
            frozenset(ends),
        )


def _read_if_there(path: Path) -> ConfigReader:
    return ConfigReader(read_json(path, 8 * 2**20) if path.exists() else {}, str(path))


def _ids(config: ConfigReader, key: str) -> tuple[int, ...]:
    """Return a token id, or several."""
    value = config.values.get(key)
    values = value if isinstance(value, list) else [] if value is None else [value]
    if not all(type(one) is int for one in values):
        config.refuse(key, "a token id, or a list of them", value)
    return tuple(values)


def _vocabulary(file: TokenizerFile, settings: _Settings, num_tokens: int) -> Vocabulary:
    """Put the tokens in the order of their ids. Raises BadModelFile where one has no row."""
    spelled = {**file.vocab, **{token["content"]: token["id"] for token in file.added}}
    highest = max(spelled.values(), default=-1)
    if not 0 <= highest < num_tokens:
        raise BadModelFile(
            f"{file.path} has tokens up to id {highest:,}, but the model's embedding has {num_tokens:,} rows;"
            " the files are of different models: fetch them again"
        )
    tokens: list[str] = [""] * num_tokens
    types = [int(TokenType.UNUSED)] * num_tokens
    for text, token_id in spelled.items():
        tokens[token_id], types[token_id] = text, int(TokenType.NORMAL)
    for token_id in (n for n, kind in enumerate(types) if kind == TokenType.UNUSED):
        tokens[token_id] = f"[PAD{token_id}]"
    for token_id, kind in _odd_types(file, spelled).items():
        types[token_id] = kind
    ids = dict(zip(tokens, range(num_tokens), strict=True))
    odd_ids = [n for n, kind in enumerate(types) if kind != TokenType.NORMAL]
    control_ids, literals = sort_out(tokens, types, ids, odd_ids)
    named = {key: ids.get(name) for key, name in settings.names.items()}
    bos_id = named.get("bos_token", settings.bos_id)
    ends = {named.get("eos_token"), *(i for i in settings.end_ids if 0 <= i < num_tokens)}
    ends.update(control_ids[end] for end in END_NAMES & control_ids.keys())
    starts = file.starts_with is not None and ids.get(file.starts_with) == bos_id
    return Vocabulary(
        kind=file.kind,
        word_split=WordSplit(),
        tokens=tokens,
        types=types,
        ids=ids,
        odd_ids=odd_ids,
        control_ids=control_ids,
        literals=literals,
        merges=(),
        scores=(),
        bos_id=bos_id if bos_id is not None and 0 <= bos_id < num_tokens else None,
        eos_id=named.get("eos_token"),
        unknown_id=named.get("unk_token"),
        padding_id=named.get("pad_token"),
        end_ids=frozenset(end for end in ends if end is not None),
        add_bos=starts if settings.add_bos is None else settings.add_bos,
        space_prefix=file.prefix,
        left_strip=frozenset(token["content"] for token in file.added if token.get("lstrip")),
        right_strip=frozenset(token["content"] for token in file.added if token.get("rstrip")),
        notes=(),
    )


def _odd_types(file: TokenizerFile, spelled: Mapping[str, int]) -> dict[int, int]:
    """Return the types of the tokens that are not normal text, by id."""
    types = {
        token["id"]: int(TokenType.CONTROL if token.get("special") else TokenType.USER_DEFINED)
        for token in file.added
    }
    if file.kind == "llama":
        unknown = file.model.get("unk_token")
        if isinstance(unknown, str) and unknown in spelled:
            types[spelled[unknown]] = int(TokenType.UNKNOWN)
        if file.model.get("byte_fallback"):
            types |= {i: int(TokenType.BYTE) for text, i in spelled.items() if BYTE_NAME.fullmatch(text)}
    return types


def _encoder(file: TokenizerFile, vocabulary: Vocabulary) -> TextEncoder:
    ids = text_ids(vocabulary) | {token: vocabulary.ids[token] for token in vocabulary.literals}
    shell = {
        **_UNPADDED,
        "normalizer": {"type": "Sequence", "normalizers": file.normalizers} if file.normalizers else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": file.splits} if file.splits else None,
    }
    backend = Encoder.from_str(json.dumps(shell))
    backend.model = _merging(file, ids, vocabulary)
    by_text = {token["content"]: token for token in file.added}
    backend.add_tokens([_literal(by_text[text]) for text in vocabulary.literals])
    return TextEncoder(
        backend=backend,
        seam=_seam(file.kind, backend, vocabulary),
        prefix=file.prefix,
        missing=missing_bytes(ids) if file.kind == "gpt2" else b"",
    )


def _merging(file: TokenizerFile, ids: dict[str, int], vocabulary: Vocabulary) -> models.Model:
    """Build the merges; those of control tokens are left out where there are any."""
    pairs = [
        tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ", 1))
        for merge in file.model["merges"]
    ]
    is_unknown_needed = file.kind == "llama" and not has_all_bytes(ids)
    unknown = file.model.get("unk_token") if is_unknown_needed else None
    if unknown is not None:
        ids[unknown] = vocabulary.ids[unknown]
    options = {
        "unk_token": unknown,
        "fuse_unk": bool(file.model.get("fuse_unk")),
        "byte_fallback": bool(file.model.get("byte_fallback")),
        "ignore_merges": bool(file.model.get("ignore_merges")),
    }
    try:
        with panics_told("the merges"):
            return models.BPE(ids, pairs, **options)
    except Exception:  # a merge it cannot use; `tokenizers` raises nothing narrower
        known = vocabulary.ids
        kept = [pair for pair in pairs if all(part in ids for part in (*pair, "".join(pair)))]
        if any(part not in known for pair in pairs for part in (*pair, "".join(pair))):
            raise
        return models.BPE(ids, kept, **options)


def _literal(token: Rule) -> AddedToken:
    flags = {key: bool(token.get(key)) for key in ("single_word", "lstrip", "rstrip", "normalized")}
    return AddedToken(token["content"], special=False, **flags)


def _seam(kind: VocabularyKind, backend: Encoder, vocabulary: Vocabulary) -> re.Pattern[str] | None:
    """Return where raw text may be cut, found out by a trial; None where some token crosses such a place."""
    seam = SEAMS[kind] if kind == "gpt2" else _SPACE_SEAM
    if any(map(seam.search, vocabulary.literals)):
        return None
    if kind == "llama":
        across = any(seam.search(token.replace(SPACE, " ")) for token in vocabulary.tokens)
        return None if across else seam
    ends = {span[1] for _, span in backend.pre_tokenizer.pre_tokenize_str(_PROBE)}
    return seam if all(found.end() in ends for found in seam.finditer(_PROBE)) else None
