"""The text of a reply, piece by piece, from its token ids: whole characters, ending before a stop string.

A token may hold a part of a character. Its bytes go through an incremental UTF-8 decoder, which is linear
whatever comes; `tokenizers.DecodeStream` decodes all pending tokens again at each step and gives out nothing
while bytes are invalid, so 4,000 of them took it 0.8 s and then came at once.
"""

import codecs
from collections.abc import Sequence

from chatterm.engine.local.text.tokenizer import Tokenizer


class TextStream:
    """One reply. Feed it each token id in order, then flush; joined, what it returns is the reply's text."""

    def __init__(
        self, tokenizer: Tokenizer, stop: Sequence[str] = (), *, drops_first_space: bool = False
    ) -> None:
        """`drops_first_space`: a space that starts the text stands for a word's beginning and is left out."""
        self._tokenizer = tokenizer
        self._stop = tuple(filter(None, stop))
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._drops_space = drops_first_space
        self._held = ""
        """Text that may be a stop string's beginning."""
        self.num_decoded = 0
        """Characters that are whole by now, those held back included."""
        self.finished_by_stop = False
        """Set by the first stop string that is complete; all text after it is left out."""

    def push(self, token_id: int) -> str:
        """Return the text that is certain with this token, maybe none. Control tokens have no text."""
        return self._take(self._decoder.decode(self._tokenizer.token_bytes(token_id)))

    def flush(self) -> str:
        """Return what was held back, with U+FFFD for a character that never became whole."""
        text = self._take(self._decoder.decode(b"", final=True)) + self._held
        self._held = ""
        return text

    def _take(self, text: str) -> str:
        if self.finished_by_stop:
            return ""
        if self._drops_space and text:
            text = text.removeprefix(" ")
            self._drops_space = False
        self.num_decoded += len(text)
        text = self._held + text
        end = self._first_stop(text)
        if end is None:
            end = len(text) - self._num_unsure(text)
            self._held = text[end:]
        else:
            self.finished_by_stop = True
            self._held = ""
        return text[:end]

    def _first_stop(self, text: str) -> int | None:
        """Return where the stop string starts that is complete first, of several the longest; else None.

        By its end and not its start, so that it does not matter how the tokens cut the text.
        """
        found = [(text.find(stop) + len(stop), text.find(stop)) for stop in self._stop if stop in text]
        return min(found)[1] if found else None

    def _num_unsure(self, text: str) -> int:
        """Return how many characters at the end of `text` begin a stop string, at most."""
        return max((_overlap(text, stop) for stop in self._stop), default=0)


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that is a beginning, and not all, of `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
