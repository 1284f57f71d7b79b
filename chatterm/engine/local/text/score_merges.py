"""The merges that do what SentencePiece's scores do: which there are, in which order.

Knows no encoder. Which merges can happen at all is found out by `last_cuts`, and kept by `cut_cache`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import overload

from chatterm.engine.local.text.cut_cache import EVERY, CutFile
from chatterm.engine.local.text.vocabulary import TokenType, Vocabulary
from chatterm.errors import BadModelFile

Pair = tuple[str, str]

_SMALL = 5000
"""In tokens; the cuts of fewer are found out about as fast as they are read."""
_MOST_LETTERS = 2**26
"""In all cuts of the tokens that keep every cut."""


def merges_by_score(
    vocabulary: Vocabulary, ids: Mapping[str, int], name: str, cache: Path | None
) -> Sequence[Pair]:
    """Return the pairs of normal tokens that are ever joined, the highest score first, then the lowest id.

    `ids` are of the tokens that text may become; `cache` is a folder for what takes long to find out.
    Raises BadModelFile, naming the file `name`, on far too many long tokens.
    """
    kinds, scores = vocabulary.types, vocabulary.scores
    normal = int(TokenType.NORMAL)
    tokens = [token for token, token_id in ids.items() if kinds[token_id] == normal]
    tokens.sort(key=ids.__getitem__)
    tokens.sort(key=lambda token: scores[ids[token]], reverse=True)  # equal ones stay in order
    cuts = _cuts(tokens, cache)
    if EVERY in cuts:
        _check_size([token for token, cut in zip(tokens, cuts, strict=True) if cut == EVERY], name)
        return _spread(tokens, cuts)
    return _Halves(list(compress(tokens, cuts)), cuts.translate(None, b"\0"))


def _cuts(tokens: Sequence[str], cache: Path | None) -> bytes:
    file = CutFile.of(tokens, cache) if cache and len(tokens) >= _SMALL else None
    cuts = file.read() if file else None
    if cuts is None:
        # numpy: 50 ms that reading need not pay
        from chatterm.engine.local.text.last_cuts import last_cuts

        cuts = last_cuts(tokens)
        if file:
            file.write(cuts)
    return cuts


def _check_size(tokens: Sequence[str], name: str) -> None:
    """Refuse tokens whose cuts would take gigabytes: 3,000, each a letter longer, would take nine."""
    if sum(len(token) ** 2 for token in tokens) > _MOST_LETTERS:
        raise BadModelFile(
            f"{name}: tokenizer.ggml.tokens should be parts of words, but {len(tokens):,} are long, up to"
            f" {max(map(len, tokens)):,} characters; the file is damaged or of a kind chatterm cannot run"
        )


def _spread(tokens: Sequence[str], cuts: bytes) -> "_Halves":
    """Return the merges where some tokens keep every cut into two."""
    known = set(tokens)
    kept: list[str] = []
    places: list[int] = []
    for token, cut in zip(tokens, cuts, strict=True):
        if cut == EVERY:
            found = [at for at in range(1, len(token)) if token[:at] in known and token[at:] in known]
            kept += [token] * len(found)
            places += found
        elif cut:
            kept.append(token)
            places.append(cut)
    return _Halves(kept, places)


class _Halves(Sequence[Pair]):
    """Merges by the tokens that they make and where those are cut, each made when it is read.

    A list of Gemma's would take 80 MB.
    """

    def __init__(self, tokens: Sequence[str], cuts: Sequence[int]) -> None:
        self._tokens, self._cuts = tokens, cuts

    def __len__(self) -> int:
        return len(self._tokens)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | Sequence[Pair]:
        if isinstance(index, slice):
            return _Halves(self._tokens[index], self._cuts[index])
        token, cut = self._tokens[index], self._cuts[index]
        return token[:cut], token[cut:]

    def __iter__(self) -> Iterator[Pair]:
        return ((token[:cut], token[cut:]) for token, cut in zip(self._tokens, self._cuts, strict=True))
