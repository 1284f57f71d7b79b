"""Text to token ids and back, by the vocabulary of a model: of a GGUF file, or of a folder's tokenizer.json.

Owns the bytes that each token stands for. The encoder's vocabulary has no control token in it, so no text
can ever become one; which of a prompt's parts are control tokens is decided by `prompt_ids`, and joining the
bytes of a reply is `text_stream`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from chatterm.engine.local.text.encoders import build_encoder
from chatterm.engine.local.text.text_encoder import REPLACEMENT, SPACE, TextEncoder, byte_letters
from chatterm.engine.local.text.vocabulary import TokenType, Vocabulary, read_vocabulary


class Tokenizer:
    """The tokenizer of one model. It never changes, so any thread may use it."""

    def __init__(self, vocabulary: Vocabulary, encoder: TextEncoder) -> None:
        """Take what belongs together; `from_metadata` and `from_folder` make it."""
        self._encoder = encoder
        # Megabytes that the encoder has copied, and nobody needs again.
        self._vocabulary = replace(vocabulary, merges=(), scores=())
        self._byte_of = {letter: byte for byte, letter in enumerate(byte_letters())}

    @classmethod
    def from_metadata(
        cls, metadata: Mapping[str, object], name: str = "the model file", cache: Path | None = None
    ) -> Self:
        """Build the tokenizer that a GGUF's metadata describes; `name` is for messages.

        `cache` is a folder for what takes long to find out about large vocabularies; None keeps nothing.

        Raises BadModelFile where keys are absent, of a wrong type or length, or out of range, or name an
        unknown kind of vocabulary or word split.
        """
        vocabulary = read_vocabulary(metadata, name)
        return cls(vocabulary, build_encoder(vocabulary, name, cache))

    @classmethod
    def from_folder(cls, folder: Path, num_tokens: int) -> Self:
        """Build the tokenizer of a model folder whose embedding has a row for each of `num_tokens`.

        Raises ModelNotFound where there is no tokenizer.json, BadModelFile where it is damaged, of a kind
        that cannot be run, or has more tokens than the embedding has rows.
        """
        # Milliseconds that a GGUF need not pay
        from chatterm.engine.local.text.tokenizer_json import read_tokenizer

        return cls(*read_tokenizer(folder, num_tokens))

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
        """Whether text may be encoded as if a space stood before it, which `decode` takes away again."""
        return self._vocabulary.space_prefix != "never"

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

    def encode_texts(self, texts: Sequence[str], *, is_start: bool = True) -> list[list[int]]:
        """Encode each text by itself, in parallel; `is_start`: the first stands at the start of a prompt."""
        return self._encoder.encode(texts, is_start=is_start)

    def strips(self, control: str) -> tuple[bool, bool]:
        """Whether a control token takes away the white space on its left, and on its right."""
        return control in self._vocabulary.left_strip, control in self._vocabulary.right_strip

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
            return REPLACEMENT.encode()
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
