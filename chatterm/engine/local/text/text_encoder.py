"""From text to ids: prepares text for a `tokenizers` encoder and feeds it in pieces.

Knows how text must be spelled for one encoder, and where it may be cut; not which ids mean what
(`vocabulary`), nor how the encoder came to be (`encoders` from a GGUF's arrays, `tokenizer_json`).
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from tokenizers import Encoding
from tokenizers import Tokenizer as Encoder

from chatterm.errors import BadModelFile

REPLACEMENT = "\ufffd"
SPACE = "\u2581"
"""How SentencePiece spells a space; it cannot tell this character itself from one."""
_PANIC = "PanicException"
"""The class is made by the library's bridge to Rust, and can be had from nowhere."""
_SURROGATE = re.compile("[\ud800-\udfff]")

SpacePrefix = Literal["never", "always", "unless there", "at the start"]
"""When text is encoded as if a space stood before it: never; always (SentencePiece itself); where it does
not begin with one; or so, but only at the very start of a prompt."""

_PIECE = 2**16
_LONGEST_PIECE = 2**20
"""In characters. Long text is encoded in pieces, in parallel and in bounded memory: 7 MB/s on two cores,
where all at once gave 2. A piece ends at a seam, so the ids are those of the whole; only text without any
seam in a million characters is cut elsewhere (on 10 million spaces Oniguruma gives up, and panics)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEncoder:
    """An encoder that has no control token in its vocabulary, and how text is brought to it."""

    backend: Encoder
    seam: re.Pattern[str] | None
    """Where prepared text may be cut; None where some token crosses every such place."""
    prefix: SpacePrefix = "never"
    spells_spaces: bool = False
    """True: `backend` expects U+2581 for a space."""
    composes: bool = False
    """True: text is brought to NFC first."""
    missing: bytes = b""
    """Bytes without a token: control characters and empty planes, in many vocabularies."""

    def encode(self, texts: Sequence[str], *, is_start: bool) -> list[list[int]]:
        """Encode each text by itself, in parallel; `is_start`: the first one stands at a prompt's start.

        Raises BadModelFile where the rules of the model's file cannot cope with the text.
        """
        prepared = [self._prepared(text, is_start=is_start and not n) for n, text in enumerate(texts)]
        cut = [list(self._pieces(text)) for text in prepared]
        done = iter(self._encoded(list(chain.from_iterable(cut))))
        return [[i for encoding in islice(done, len(pieces)) for i in encoding.ids] for pieces in cut]

    def _encoded(self, pieces: list[str]) -> list[Encoding]:
        with panics_told("the model's tokenizer gave up on this text"):
            return self.backend.encode_batch_fast(pieces, add_special_tokens=False)

    def _prepared(self, text: str, *, is_start: bool) -> str:
        """Return `text` as the backend takes it."""
        text = _SURROGATE.sub(REPLACEMENT, text)
        if self.composes:
            text = unicodedata.normalize("NFC", text)
        if self._is_missing(text):
            substitute = next((c for c in (REPLACEMENT, "?") if not self._is_missing(c)), "")
            text = text.translate({ord(c): substitute for c in set(text) if self._is_missing(c)})
        if text and self._takes_prefix(text, is_start=is_start):
            text = " " + text
        return text.replace(" ", SPACE) if self.spells_spaces else text

    def _takes_prefix(self, text: str, *, is_start: bool) -> bool:
        match self.prefix:
            case "never":
                return False
            case "always":
                return True
            case "unless there":
                return not text.startswith((" ", SPACE))
            case "at the start":
                return is_start and not text.startswith((" ", SPACE))

    def _is_missing(self, text: str) -> bool:
        raw = text.encode() if self.missing else b""
        return len(raw.translate(None, self.missing)) < len(raw)

    def _pieces(self, text: str) -> Iterator[str]:
        """Cut `text` where no token can cross."""
        start = 0
        while len(text) - start > _PIECE:
            furthest = min(len(text), start + _LONGEST_PIECE)
            seam = self.seam.search(text, start + _PIECE, furthest) if self.seam else None
            end = seam.end() if seam else furthest
            yield text[start:end]
            start = end
        if start < len(text):
            yield text[start:]


@contextmanager
def panics_told(what: str) -> Iterator[None]:
    """Turn a panic of the library into BadModelFile: Python sees it as no Exception.

    A pattern that needs too many steps brings one, and so do damaged tables.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise BadModelFile(
            f"{what}: its rules are damaged or far too slow; fetch the model again, or choose another"
        ) from error


def byte_letters() -> list[str]:
    """Return the letter for each byte in byte-level vocabularies (GPT-2, `encoder.py`, `bytes_to_unicode`).

    Printable bytes of Latin-1 stand for themselves, the others for the letters from U+0100 on.
    """
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in own else next(others)) for byte in range(256)]
