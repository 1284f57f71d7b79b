"""Where merging cuts each token last: the one merge of it that can ever happen.

Whenever two tokens stand side by side and are joined, the merges among their characters were the best ones
there at the time, so they are those that happen when the joined token's characters stand alone; by
induction from the first merge on. So it is enough to play the merging of every token's characters by itself
and to keep its last merge; all other cuts of a token into two tokens are never met. Gemma's vocabulary has
514,000 cuts and 236,000 last ones.

The texts of spans are compared by hashes: polynomials modulo 2**64, by which a span's hash follows from
those of two prefixes (Karp and Rabin 1987).
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chatterm.engine.local.text.cut_cache import EVERY

LONGEST = 32
"""In characters. Playing takes the square of the length, so longer tokens, which are rare, keep every cut."""

_BATCH = 2**13
"""In tokens: few enough for the processor's cache, and for little memory."""
_MOST_PROBES = 64
_MIX = 0xD6E8FEB86659FD93
"""Odd; brings the low bits of a hash to the high ones, by which it is looked up."""
_NEVER = 2**31 - 1
"""The rank of two neighbours that make no token."""

_Hashes = npt.NDArray[np.uint64]
_Ints = npt.NDArray[np.int64]
_Ranks = npt.NDArray[np.int32]
_Flags = npt.NDArray[np.bool_]


def last_cuts(tokens: Sequence[str]) -> bytes:
    """Return for each of `tokens`, all different and best first, after how many characters it is cut last.

    0: merging its characters does not lead to it. EVERY: not found out, as it is longer than LONGEST.
    """
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    texts = _Texts.of(tokens, lengths)
    index = _Index.of(texts)
    if index is None:
        return bytes([EVERY]) * len(tokens)
    cuts = np.where(lengths > LONGEST, EVERY, 0).astype(np.uint8)
    is_played = (lengths > 1) & (lengths <= LONGEST) & texts.are_spelled()
    for rows in texts.batches(is_played):
        joined, cut = _Game(texts.prefixes(rows), texts.inverses, index).play()
        cuts[rows[joined]] = cut
    return cuts.tobytes()


@dataclass(frozen=True, slots=True)
class _Texts:
    """The characters of the tokens, one token after the other, and what their hashes are made with."""

    letters: npt.NDArray[np.uint32]
    starts: _Ints
    lengths: _Ints
    powers: _Hashes
    """Of the base, by the place in the token."""
    inverses: _Hashes
    """By the place where a span starts: what makes its hash independent of that."""

    @classmethod
    def of(cls, tokens: Sequence[str], lengths: _Ints) -> "_Texts":
        letters = np.frombuffer("".join(tokens).encode("utf-32-le", "surrogatepass"), "<u4")
        base = secrets.randbits(64) | 1  # so that no file can hold texts chosen to have the same hash
        powers = [pow(base, n, 2**64) for n in range(LONGEST)]
        inverses = [pow(base, -n, 2**64) * _MIX % 2**64 for n in range(LONGEST)]
        as_hashes = (np.array(powers, np.uint64), np.array(inverses, np.uint64))
        return cls(letters, np.cumsum(lengths) - lengths, lengths, *as_hashes)

    def are_spelled(self) -> _Flags:
        """Return which tokens have only characters that are tokens: no others are ever joined."""
        is_token = np.zeros(0x110000, np.bool_)
        is_token[self.letters[self.starts[self.lengths == 1]]] = True
        num_strange = np.concatenate([[0], np.cumsum(~is_token[self.letters])])
        are_known: _Flags = num_strange[self.starts + self.lengths] == num_strange[self.starts]
        return are_known

    def batches(self, are_taken: _Flags) -> Iterator[_Ints]:
        """Yield the numbers of the tokens taken, in batches of one length."""
        for length in np.unique(self.lengths[are_taken]):
            rows = np.flatnonzero((self.lengths == length) & are_taken)
            for first in range(0, rows.size, _BATCH):
                yield rows[first : first + _BATCH]

    def prefixes(self, rows: _Ints) -> _Hashes:
        """Return the sums of all prefixes of tokens of one length, the empty first: (rows, length + 1)."""
        length = int(self.lengths[rows[0]])
        letters = self.letters[self.starts[rows, None] + np.arange(length)].astype(np.uint64)
        sums = np.zeros((rows.size, length + 1), np.uint64)
        np.cumsum((letters + np.uint64(1)) * self.powers[:length], axis=1, out=sums[:, 1:])
        return sums


@dataclass(frozen=True, slots=True)
class _Index:
    """Finds a token by the hash of its text: a table with open addressing, at most a quarter full."""

    hashes: _Hashes
    """Of each token, and 0 after the last."""
    slots: _Ranks
    """A token's number, or -1; the place is the hash's highest bits, or one of those after it."""
    shift: np.uint64

    @classmethod
    def of(cls, texts: _Texts) -> "_Index | None":
        """Return None where hashes clash, which chance does not bring about."""
        hashes = np.zeros(texts.lengths.size + 1, np.uint64)
        is_short = (texts.lengths > 0) & (texts.lengths <= LONGEST)
        for rows in texts.batches(is_short):
            hashes[rows] = texts.prefixes(rows)[:, -1] * texts.inverses[0]
        bits = 2 + max(2, texts.lengths.size.bit_length())
        index = cls(hashes, np.full(2**bits, -1, np.int32), np.uint64(64 - bits))
        return index if index._fill(np.flatnonzero(is_short).astype(np.int32)) else None

    def _fill(self, left: _Ranks) -> bool:
        at = (self.hashes[left] >> self.shift).astype(np.int64)
        for _ in range(_MOST_PROBES):
            is_free = self.slots[at] < 0
            self.slots[at[is_free]] = left[is_free]
            is_lost = self.slots[at] != left
            left, at = left[is_lost], at[is_lost]
            if np.any(self.hashes[self.slots[at]] == self.hashes[left]):
                return False
            if not left.size:
                return True
            at = (at + 1) & (self.slots.size - 1)
        return False

    def find(self, hashes: _Hashes) -> _Ranks:
        """Return the numbers of the tokens with these hashes, -1 for none, in the same shape."""
        shape, hashes = hashes.shape, hashes.ravel()
        at = (hashes >> self.shift).astype(np.int64)
        found = self.slots[at]
        wrong = np.flatnonzero((found >= 0) & (self.hashes[found] != hashes))
        while wrong.size:
            at[wrong] = (at[wrong] + 1) & (self.slots.size - 1)
            found[wrong] = self.slots[at[wrong]]
            wrong = wrong[(found[wrong] >= 0) & (self.hashes[found[wrong]] != hashes[wrong])]
        return found.reshape(shape)


class _Game:
    """The merging of tokens of one length, each by itself, all at once; a row a token.

    Each step joins in every token the leftmost of the neighbours that make the best token.
    """

    def __init__(self, prefixes: _Hashes, inverses: _Hashes, index: _Index) -> None:
        self._inverses, self._index = inverses, index
        length = prefixes.shape[1] - 1
        self._rows = np.arange(prefixes.shape[0])
        self._prefixes = prefixes
        self._bounds = np.tile(np.arange(length + 1), (self._rows.size, 1))
        """Where each symbol begins, and the end: one more than there are symbols."""
        firsts = np.arange(length - 1)
        self._ranks = self._ranked(self._rows[:, None], firsts, firsts + 2)
        """Of each symbol with its right neighbour."""

    def play(self) -> tuple[_Ints, _Ints]:
        """Return the rows that end as one token, and after how many characters they are cut last."""
        while self._bounds.shape[1] > 3:  # while there are more than two symbols
            at = self._ranks.argmin(axis=1)
            is_joined = np.take_along_axis(self._ranks, at[:, None], axis=1)[:, 0] < _NEVER
            if not is_joined.all():
                self._keep(is_joined)
                at = at[is_joined]
            self._join(at)
        return self._rows, self._bounds[:, 1]

    def _keep(self, is_kept: _Flags) -> None:
        self._rows, self._prefixes = self._rows[is_kept], self._prefixes[is_kept]
        self._bounds, self._ranks = self._bounds[is_kept], self._ranks[is_kept]

    def _join(self, at: _Ints) -> None:
        """Join in each row the symbol `at` to the one on its right."""
        columns = np.arange(self._bounds.shape[1] - 1)
        columns = columns + (columns > at[:, None])
        self._bounds = np.take_along_axis(self._bounds, columns, axis=1)
        self._ranks = np.take_along_axis(self._ranks, columns[:, :-2], axis=1)
        for left in (at - 1, at):
            rows = np.flatnonzero((left >= 0) & (left < self._ranks.shape[1]))
            first = left[rows]
            begin, end = self._bounds[rows, first], self._bounds[rows, first + 2]
            self._ranks[rows, first] = self._ranked(rows, begin, end)

    def _ranked(self, rows: _Ints, begin: _Ints, end: _Ints) -> _Ranks:
        """Return the ranks of joining what stands from `begin` to `end`: the lowest is joined first."""
        sums = self._prefixes[rows, end] - self._prefixes[rows, begin]
        found = self._index.find(sums * self._inverses[begin])
        return np.where(found < 0, np.int32(_NEVER), found)
