"""Keeps on disk where the tokens of a vocabulary are cut last: a byte a token, 0.3 s of work for Gemma's.

What the bytes mean is said here, how they are found out in `last_cuts`. They are kept by the tokens
themselves, so that files with one vocabulary share them; no text of the user is among them. What is
damaged, or not written for these tokens, is as good as not there.
"""

import hashlib
import logging
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chatterm.models.cache import keep_entry

EVERY = 255
"""In place of a cut, which is in characters: each cut of the token into two tokens is to be kept."""

_FORM = 1
"""To be raised whenever cuts come to mean something else."""
_DIGEST_BYTES = hashlib.sha256().digest_size

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CutFile:
    """The file for one sequence of tokens; it need not be there."""

    path: Path
    key: bytes
    num_tokens: int

    @classmethod
    def of(cls, tokens: Sequence[str], folder: Path) -> "CutFile":
        # With their number, tokens that hold the separator are told from those without.
        whole = f"{_FORM} {len(tokens)} {chr(0).join(tokens)}".encode("utf-8", "surrogatepass")
        key = hashlib.sha256(whole)
        return cls(folder / f"{key.hexdigest()}.cuts", key.digest(), len(tokens))

    def read(self) -> bytes | None:
        """Return the cuts that were written for these tokens, a byte each, else None; mark them as used."""
        try:
            raw = self._read_raw()
        except OSError:
            return None  # none yet, or not readable: they are found out again
        if raw is None or raw[:_DIGEST_BYTES] != self._digest(raw[_DIGEST_BYTES:]):
            return None
        with suppress(OSError):  # another's file, or gone meanwhile
            os.utime(self.path)
        return raw[_DIGEST_BYTES:]

    def write(self, cuts: bytes) -> None:
        """Keep them; without them the next start is slower."""
        try:
            keep_entry(self.path, self._digest(cuts) + cuts)
        except OSError as error:
            _log.info("the cuts of a vocabulary could not be kept: %s", error)

    def _digest(self, cuts: bytes) -> bytes:
        return hashlib.sha256(self.key + cuts).digest()

    def _read_raw(self) -> bytes | None:
        """Return what a file of the right size holds."""
        size = _DIGEST_BYTES + self.num_tokens
        # A pipe in the place of the file must not be waited for.
        handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            return file.read(size) if stat.S_ISREG(found.st_mode) and found.st_size == size else None
