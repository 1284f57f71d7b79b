"""Text to token ids and back, by the vocabulary of a GGUF file.

Owns the encoder (`tokenizers`, built from the file's arrays) and the bytes that each token stands for. The
encoder's vocabulary has no control token in it, so no text can ever become one; which of a prompt's parts
are control tokens is decided by `prompt_ids`, and joining the bytes of a reply is `text_stream`'s.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Self

from chatterm.engine.local.encoders import SPACE, build_encoder, byte_letters
from chatterm.engine.local.vocabulary import TokenType, Vocabulary, read_vocabulary

_REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")

_SEAMS = {"gpt2": re.compile(r"[^\W_](?=[ \n])"), "llama": re.compile(rf"[^\W_](?={SPACE})")}
"""A letter or digit before white space: every word split cuts there, whatever stands around."""
_PIECE = 2**16
_LONGEST_PIECE = 2**20
"""In characters. Long text is encoded in pieces, in parallel and in bounded memory: 7 MB/s on two cores,
where all at once gave 2. A piece ends at a seam, so the ids are those of the whole; only text without any
seam in a million characters is cut elsewhere (on 10 million spaces Oniguruma gives up, and panics)."""


class Tokenizer:
    """The tokenizer of one model. It never changes, so any thread may use it."""

    def __init__(self, vocabulary: Vocabulary, name: str) -> None:
        """Build the encoder. Raises BadModelFile, naming the file `name`, where the arrays do not fit."""
        self._encoder = build_encoder(vocabulary, name)
        # Megabytes that the encoder has copied, and nobody needs again.
        self._vocabulary = vocabulary = replace(vocabulary, merges=(), scores=())
        self._byte_of = {letter: byte for byte, letter in enumerate(byte_letters())}
        self._seam = _seam_of(vocabulary)
        self._missing = _missing_bytes(vocabulary)
        self._substitute = next((c for c in (_REPLACEMENT, "?") if not self._is_missing(c)), "")

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, object], name: str = "the model file") -> Self:
        """Build the tokenizer that a GGUF's metadata describes; `name` is for messages.

        Raises BadModelFile where keys are absent, of a wrong type or length, or out of range, or name an
        unknown kind of vocabulary or word split.
        """
        return cls(read_vocabulary(metadata, name), name)

    @property
    def num_tokens(self) -> int:
        return len(self._vocabulary.tokens)

    @property
    def bos_id(self) -> int | None:
        return self._vocabulary.bos_id

    @property
    def add_bos(self) -> bool:
        """Whether a prompt must start with `bos_id`."""
        return self._vocabulary.add_bos and self._vocabulary.bos_id is not None

    @property
    def end_ids(self) -> frozenset[int]:
        """Every token that ends a reply."""
        return self._vocabulary.end_ids

    @property
    def control_ids(self) -> Mapping[str, int]:
        """Tokens that mean something to the model beyond their text, by their text."""
        return self._vocabulary.control_ids

    @property
    def add_space_prefix(self) -> bool:
        """Whether text is encoded as if a space stood before it, which `decode` takes away again."""
        return self._vocabulary.add_space_prefix

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be guessed about the file, for people."""
        return self._vocabulary.notes

    @property
    def special_texts(self) -> dict[str, str]:
        """The variables bos_token, eos_token, unk_token and pad_token of chat templates, as far as named."""
        found = self._vocabulary
        ids = {"bos": found.bos_id, "eos": found.eos_id, "unk": found.unknown_id, "pad": found.padding_id}
        return {f"{n}_token": found.tokens[i] for n, i in ids.items() if i is not None}

    def encode_text(self, text: str) -> list[int]:
        """Return the ids of ordinary text: never a control token, whatever the text holds.

        Lone surrogates, and characters that the vocabulary has no bytes for, are encoded as U+FFFD.
        """
        return self.encode_texts([text])[0]

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode each text by itself, in parallel."""
        cut = [list(self._pieces(self._prepared(text))) for text in texts]
        done = iter(self._encoder.encode_batch_fast(list(chain.from_iterable(cut)), add_special_tokens=False))
        return [[i for encoding in islice(done, len(pieces)) for i in encoding.ids] for pieces in cut]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`, without control tokens; bytes that are no UTF-8 become U+FFFD.

        The inverse of `encode_text`, except for what that had to replace.
        """
        text = b"".join(map(self.token_bytes, ids)).decode("utf-8", "replace")
        return text[1:] if self.add_space_prefix and text.startswith(" ") else text

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes a token adds to the text, maybe part of a character; none for a control token."""
        token, kind = self._vocabulary.tokens[token_id], self._vocabulary.types[token_id]
        if token in self.control_ids:
            return b""
        if kind == TokenType.UNKNOWN:
            return _REPLACEMENT.encode()
        if self._vocabulary.kind == "llama":
            is_byte = kind == TokenType.BYTE
            return bytes([int(token[3:5], 16)]) if is_byte else token.replace(SPACE, " ").encode()
        if kind == TokenType.USER_DEFINED:
            return token.encode()
        try:
            return bytes([self._byte_of[letter] for letter in token])
        except KeyError:
            return token.encode()  # an unused token, spelled for people

    def token_text(self, token_id: int) -> str:
        """Return what to show for one token: its name or text, with U+FFFD for parts of characters."""
        token = self._vocabulary.tokens[token_id]
        return token if token in self.control_ids else self.token_bytes(token_id).decode("utf-8", "replace")

    def _prepared(self, text: str) -> str:
        """Return `text` as the encoder takes it."""
        text = _SURROGATE.sub(_REPLACEMENT, text)
        if self._vocabulary.kind == "llama":
            prefix = SPACE if self.add_space_prefix and text else ""
            return prefix + text.replace(" ", SPACE)
        if self._vocabulary.word_split.composes:
            text = unicodedata.normalize("NFC", text)
        if self._is_missing(text):
            return text.translate({ord(c): self._substitute for c in set(text) if self._is_missing(c)})
        return text

    def _is_missing(self, text: str) -> bool:
        raw = text.encode() if self._missing else b""
        return len(raw.translate(None, self._missing)) < len(raw)

    def _pieces(self, text: str) -> Iterator[str]:
        """Cut `text` where no token can cross."""
        start = 0
        while len(text) - start > _PIECE:
            furthest = min(len(text), start + _LONGEST_PIECE)
            seam = self._seam.search(text, start + _PIECE, furthest) if self._seam else None
            end = seam.end() if seam else furthest
            yield text[start:end]
            start = end
        if start < len(text):
            yield text[start:]


def _missing_bytes(vocabulary: Vocabulary) -> bytes:
    """Return the bytes without a token: control characters and empty planes, in many vocabularies."""
    if vocabulary.kind != "gpt2":
        return b""
    return bytes(byte for byte, letter in enumerate(byte_letters()) if letter not in vocabulary.ids)


def _seam_of(vocabulary: Vocabulary) -> re.Pattern[str] | None:
    """Return where text may be cut; None where some token crosses such a place."""
    seam = _SEAMS[vocabulary.kind]
    if vocabulary.kind == "gpt2":
        across = any(map(seam.search, vocabulary.literals))
    else:
        across = any(seam.search(token.replace(" ", SPACE)) for token in vocabulary.tokens)
    return None if across else seam
