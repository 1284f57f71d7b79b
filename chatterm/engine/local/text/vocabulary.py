"""The vocabulary of a model: its tokens, what kind each is, and which of them control the model.

Reads and checks one from a GGUF file, by the `tokenizer.ggml.*` keys, which are llama.cpp's
(`gguf-py/gguf/constants.py`, `src/llama-vocab.cpp`); `tokenizer_json` reads one from a folder. Does not know
how text becomes tokens (`encoders`).
"""

import math
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeVar, cast

from chatterm.engine.local.text.text_encoder import SpacePrefix
from chatterm.engine.local.text.word_splits import WORD_SPLITS, WordSplit
from chatterm.errors import BadModelFile

VocabularyKind = Literal["gpt2", "llama"]
"""`gpt2`: merges over bytes. `llama`: SentencePiece's, merges by score over characters."""

_T = TypeVar("_T", str, int, bool)

_KEY = "tokenizer.ggml."
_KIND_NAMES = {str: "a text", int: "a whole number", bool: "true or false"}


class TokenType(IntEnum):
    """`tokenizer.ggml.token_type`."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


_PHI3_KEEPERS = frozenset({"<unk>", "<s>", "<|endoftext|>"})
"""The control tokens of phi3 after which white space stays; a GGUF does not say so, llama.cpp knows it."""

END_NAMES = frozenset(
    {
        "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>",
        "<|return|>", "<|call|>", "<|END_OF_TURN_TOKEN|>", "<|end_of_turn|>", "<|eot|>", "<|endofturn|>",
        "<end_of_turn>", "<end_of_utterance>", "<eos>", "<turn|>", "<EOT>", "[EOT]", "[EOS]", "</s>",
        "<｜end▁of▁sentence｜>",
    }
)  # fmt: skip
"""Tokens that end a reply in one model family or another; few files name more than one of theirs."""

_TURN_NAMES = frozenset(
    {
        "<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>", "<start_of_turn>",
        "<|user|>", "<|assistant|>", "<|system|>", "<|start|>", "<|channel|>", "<|message|>", "<s>", "<bos>",
    }
)  # fmt: skip
"""Tokens that open a turn. Old converters marked these, and some of END_NAMES, as normal text."""

_MARKUP = re.compile(r"<.+>|\[.+\]|\{.+\}|\|.+\||◁.+▷|＜.+＞", re.DOTALL)
_HTML = re.compile(
    r"</?(?:table|caption|thead|tbody|tfoot|tr|th|td|h[1-6]|blockquote|strong|em|b|i|u|sub|sup|code)>"
)
"""Whole tags are user-defined tokens in Gemma's vocabulary, and ordinary text all the same."""
_UNTYPED_CONTROL = re.compile(r"<\|.+\|>|<｜.+｜>|</?s>|<(?:unk|pad|bos|eos)>")
BYTE_NAME = re.compile(r"<0x[0-9A-F]{2}>")
"""How SentencePiece spells the token of a byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The tokens of a model, checked. Ids are positions in `tokens`."""

    kind: VocabularyKind
    word_split: WordSplit
    """Of kind `gpt2`, where the encoder is made by it."""
    tokens: Sequence[str]
    """As the file spells them: `gpt2` in GPT-2's byte alphabet, `llama` with U+2581 for a space."""
    types: Sequence[int]
    ids: Mapping[str, int]
    """The last id of each spelling."""
    odd_ids: Sequence[int]
    """Of the tokens that are not normal text: few, so looking at them is cheap."""
    control_ids: Mapping[str, int]
    """Tokens that mean something to the model beyond their text: no content may become one."""
    literals: Sequence[str]
    """User-defined tokens that are ordinary text (runs of spaces, HTML tags), found before any merge."""
    merges: Sequence[str]
    """Of kind `gpt2`: two tokens with a space between, first to last."""
    scores: Sequence[float]
    """Of kind `llama`, one a token."""
    bos_id: int | None
    eos_id: int | None
    unknown_id: int | None
    padding_id: int | None
    end_ids: frozenset[int]
    """Tokens that end a reply."""
    add_bos: bool
    """Whether a prompt starts with `bos_id`."""
    space_prefix: SpacePrefix
    """When text is encoded as if a space stood before it."""
    left_strip: frozenset[str] = frozenset()
    right_strip: frozenset[str] = frozenset()
    """Control tokens that take away the white space beside them."""
    notes: tuple[str, ...]
    """What had to be guessed, for people."""


def read_vocabulary(metadata: Mapping[str, object], name: str) -> Vocabulary:
    """Read the vocabulary of the model file `name`.

    Raises BadModelFile on an unknown kind or word split, arrays of different lengths, ids out of range.
    """
    keys = _Keys(metadata, name)
    kind = keys.require("model", str)
    if kind not in ("gpt2", "llama"):
        raise keys.error("model", "one of gpt2, llama", kind)
    split_name = keys.get("pre", str) or "default"
    split = WORD_SPLITS.get(split_name) if kind == "gpt2" else WordSplit(adds_bos=True)
    if split is None:
        raise keys.error("pre", f"one of {', '.join(sorted(WORD_SPLITS))}", split_name)
    tokens = keys.array("tokens", str)
    types = _read_types(keys, tokens)
    ids = dict(zip(tokens, range(len(tokens)), strict=True))
    normal = int(TokenType.NORMAL)  # a plain int: looking the enum up for each token would take 20 ms
    odd_ids = [token_id for token_id, kind in enumerate(types) if kind != normal]
    for token in (tokens[i] for i in odd_ids if types[i] == TokenType.BYTE):
        if not BYTE_NAME.fullmatch(token):
            raise keys.error("tokens", "<0x00> to <0xFF> where the type is byte", token)
    control_ids, literals = sort_out(tokens, types, ids, odd_ids)
    defaults = (1, 2, 0) if kind == "llama" and len(tokens) > 2 else (None, None, None)
    eos_id = keys.token_id("eos_token_id", len(tokens), defaults[1])
    named = (keys.token_id(f"{end}_token_id", len(tokens)) for end in ("eot", "eom"))
    ends = {eos_id, *named, *(control_ids[end] for end in END_NAMES & control_ids.keys())}
    add_bos = keys.get("add_bos_token", bool)
    is_phi3 = kind == "llama" and metadata.get("general.architecture") == "phi3"
    add_space_prefix = keys.get("add_space_prefix", bool)
    return Vocabulary(
        kind=cast(VocabularyKind, kind),
        word_split=split,
        tokens=tokens,
        types=types,
        ids=ids,
        odd_ids=odd_ids,
        control_ids=control_ids,
        literals=literals,
        merges=keys.array("merges", str) if kind == "gpt2" else (),
        scores=_read_scores(keys, len(tokens)) if kind == "llama" else (),
        bos_id=keys.token_id("bos_token_id", len(tokens), defaults[0]),
        eos_id=eos_id,
        unknown_id=keys.token_id("unknown_token_id", len(tokens), defaults[2]),
        padding_id=keys.token_id("padding_token_id", len(tokens)),
        end_ids=frozenset(end for end in ends if end is not None),
        add_bos=split.adds_bos if add_bos is None else add_bos,
        space_prefix="always" if kind == "llama" and add_space_prefix is not False else "never",
        right_strip=frozenset(control_ids) - _PHI3_KEEPERS if is_phi3 else frozenset(),
        notes=(_GUESSED,) if kind == "gpt2" and split_name == "default" else (),
    )


_GUESSED = "the file does not say how it cuts words; GPT-2's way is assumed, replies may be worse for it"


class _Keys:
    """Reads `tokenizer.ggml.*`, each of its type."""

    def __init__(self, metadata: Mapping[str, object], name: str) -> None:
        self._metadata = metadata
        self._name = name

    def error(self, key: str, expected: str, found: object) -> BadModelFile:
        return BadModelFile(
            f"{self._name}: {_KEY}{key} should be {expected}, but is {reprlib.repr(found)};"
            " the file is damaged or of a kind chatterm cannot run"
        )

    def raw(self, key: str) -> object:
        return self._metadata.get(_KEY + key)

    def get(self, key: str, kind: type[_T]) -> _T | None:
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(key, _KIND_NAMES[kind], value)
        return value

    def require(self, key: str, kind: type[_T]) -> _T:
        value = self.get(key, kind)
        if value is None:
            raise BadModelFile(
                f"{self._name} has no {_KEY}{key}, so chatterm cannot read or write its text;"
                " a complete file of the model would have it"
            )
        return value

    def array(self, key: str, kind: type[_T]) -> list[_T]:
        """Return a list that is not empty. A GGUF array has one type, so its first element speaks for all."""
        values = self.raw(key)
        if not isinstance(values, list) or not values or not isinstance(values[0], kind):
            raise self.error(key, f"a list of which each is {_KIND_NAMES[kind]}", values)
        return values

    def token_id(self, key: str, num_tokens: int, default: int | None = None) -> int | None:
        value = self.get(key, int)
        if value is not None and not 0 <= value < num_tokens:
            raise self.error(key, f"below the number of tokens, {num_tokens:,}", value)
        return default if value is None else value


def _read_types(keys: _Keys, tokens: Sequence[str]) -> Sequence[int]:
    """Return the type of each token; where the file has none they are guessed by the spelling."""
    if keys.raw("token_type") is None:
        return [_guess_type(token) for token in tokens]
    types = keys.array("token_type", int)
    if len(types) != len(tokens):
        raise keys.error("token_type", f"as long as the {len(tokens):,} tokens", f"{len(types):,} long")
    return types


def _guess_type(token: str) -> TokenType:
    if _UNTYPED_CONTROL.fullmatch(token):
        return TokenType.CONTROL
    return TokenType.BYTE if BYTE_NAME.fullmatch(token) else TokenType.NORMAL


def _read_scores(keys: _Keys, num_tokens: int) -> list[float]:
    scores = keys.raw("scores")
    if not isinstance(scores, list) or len(scores) != num_tokens:
        found = f"{len(scores):,} long" if isinstance(scores, list) else scores
        raise keys.error("scores", f"as long as the {num_tokens:,} tokens", found)
    if not isinstance(scores[0], (int, float)) or any(map(math.isnan, scores)):
        raise keys.error("scores", "a list of numbers", "a list with something else in it")
    return scores


def sort_out(
    tokens: Sequence[str], types: Sequence[int], ids: Mapping[str, int], odd_ids: Sequence[int]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the control tokens, and the user-defined tokens that are ordinary text."""
    controls = [name for name in (*END_NAMES, *_TURN_NAMES) if name in ids]
    literals = []
    for token_id in odd_ids:
        token, kind = tokens[token_id], types[token_id]
        is_literal = kind == TokenType.USER_DEFINED and not _is_markup(token)
        if is_literal and token:
            literals.append(token)
        elif kind in (TokenType.CONTROL, TokenType.USER_DEFINED) and token.strip():
            controls.append(token)
    return {token: ids[token] for token in controls}, tuple(literals)


def text_ids(vocabulary: Vocabulary) -> dict[str, int]:
    """Return the tokens that merging may make of text: all but control, unknown, unused and literal ones."""
    ids = dict(vocabulary.ids)
    odd = [vocabulary.tokens[i] for i in vocabulary.odd_ids if vocabulary.types[i] != TokenType.BYTE]
    for token in (*odd, *vocabulary.control_ids):
        ids.pop(token, None)
    return ids


def has_all_bytes(ids: Mapping[str, int]) -> bool:
    """Tell whether a SentencePiece vocabulary has a token for each byte."""
    return all(f"<0x{byte:02X}>" in ids for byte in range(256))


def _is_markup(token: str) -> bool:
    bare = token.strip("▁_ \n\t")
    return bool(_MARKUP.fullmatch(bare)) and not _HTML.fullmatch(bare)
