"""Builds a vocabulary's encoder with `tokenizers`: merges over bytes, or SentencePiece's merges by score.

An encoder knows the tokens that are text and no control token. SentencePiece's expects spaces spelled as
U+2581.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

from chatterm.engine.local.text.score_merges import Pair, merges_by_score
from chatterm.engine.local.text.text_encoder import SPACE, TextEncoder, byte_letters, panics_told
from chatterm.engine.local.text.vocabulary import Vocabulary, has_all_bytes, text_ids
from chatterm.errors import BadModelFile


class _Merges(Sequence[Pair]):
    """Merges as pairs, each made when it is read.

    A list of them would be 49,000 objects that Python's garbage collector counts, and sets it off once
    torch's half million are there: 0.1 s.
    """

    def __init__(self, merges: Sequence[str]) -> None:
        self._merges = merges

    def __len__(self) -> int:
        return len(self._merges)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | Sequence[Pair]:
        return _Merges(self._merges[index]) if isinstance(index, slice) else _pair(self._merges[index])

    def __iter__(self) -> Iterator[Pair]:
        return map(_pair, self._merges)


def _pair(merge: str) -> Pair:
    """Return the two tokens; of a merge that is no pair, one and nothing."""
    left, _, right = merge.partition(" ")
    return left, right


SEAMS = {"gpt2": re.compile(r"[^\W_](?=[ \n])"), "llama": re.compile(rf"[^\W_](?={SPACE})")}
"""A letter or digit before white space: every word split cuts there, whatever stands around."""
_CROSSED = re.compile(rf"{SPACE}(?<=[^\W_]{SPACE})")
"""Found where SentencePiece's seam is, and faster."""


def build_encoder(vocabulary: Vocabulary, name: str, cache: Path | None) -> TextEncoder:
    """Build it; `cache` is a folder for what takes long to find out.

    Raises BadModelFile, naming the file `name`, on merges of tokens that are not there, or where some text
    would have no tokens.
    """
    ids = _text_ids(vocabulary)
    if vocabulary.kind == "gpt2":
        encoder = _build_byte_level(vocabulary, ids, name)
    else:
        encoder = _build_sentencepiece(vocabulary, ids, name, cache)
    literals = [_spell(vocabulary, token) for token in vocabulary.literals]
    encoder.add_tokens([AddedToken(token, normalized=False, special=False) for token in literals])
    return TextEncoder(
        backend=encoder,
        seam=_seam_of(vocabulary),
        prefix=vocabulary.space_prefix,
        spells_spaces=vocabulary.kind == "llama",
        composes=vocabulary.kind == "gpt2" and vocabulary.word_split.composes,
        missing=missing_bytes(vocabulary.ids) if vocabulary.kind == "gpt2" else b"",
    )


def missing_bytes(ids: Mapping[str, int]) -> bytes:
    """Return the bytes without a token in a byte-level vocabulary."""
    return bytes(byte for byte, letter in enumerate(byte_letters()) if letter not in ids)


def _seam_of(vocabulary: Vocabulary) -> re.Pattern[str] | None:
    """Return where text may be cut; None where some token crosses such a place."""
    seam = SEAMS[vocabulary.kind]
    if vocabulary.kind == "gpt2":
        across = any(map(seam.search, vocabulary.literals))
    else:
        across = _CROSSED.search("\n".join(vocabulary.tokens).replace(" ", SPACE)) is not None
    return None if across else seam


def _spell(vocabulary: Vocabulary, token: str) -> str:
    return token.replace(" ", SPACE) if vocabulary.kind == "llama" else token


def _text_ids(vocabulary: Vocabulary) -> dict[str, int]:
    """Return the tokens that text may become."""
    literals = {_spell(vocabulary, token): vocabulary.ids[token] for token in vocabulary.literals}
    return text_ids(vocabulary) | literals


def _build_byte_level(vocabulary: Vocabulary, ids: dict[str, int], name: str) -> Tokenizer:
    split = vocabulary.word_split
    try:
        with panics_told(name):
            model = models.BPE(ids, _Merges(vocabulary.merges), ignore_merges=split.takes_whole_words)
    except Exception:  # noqa: BLE001  # a merge it cannot use; `tokenizers` raises nothing narrower
        merges = _text_merges(vocabulary, ids, name)
        model = models.BPE(ids, merges, ignore_merges=split.takes_whole_words)
    rules: list[pre_tokenizers.PreTokenizer] = []
    if split.isolates_digits:
        rules.append(pre_tokenizers.Digits(individual_digits=True))
    if split.pattern:
        rules.append(pre_tokenizers.Split(Regex(split.pattern), behavior="isolated"))
    rules.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not split.pattern))
    encoder = Tokenizer(model)
    encoder.pre_tokenizer = pre_tokenizers.Sequence(rules)
    return encoder


def _text_merges(vocabulary: Vocabulary, ids: Mapping[str, int], name: str) -> list[Pair]:
    """Return the merges that make text of text.

    Raises BadModelFile on one that is not of two tokens making a third: this pass runs only where the
    encoder refused the merges, because it takes as long as building the encoder.
    """
    kept = []
    for merge, pair in zip(vocabulary.merges, _Merges(vocabulary.merges), strict=True):
        parts = (*pair, "".join(pair))
        if not all(pair) or not all(part in vocabulary.ids for part in parts):
            raise BadModelFile(
                f"{name}: tokenizer.ggml.merges should join two tokens to a third, but holds"
                f" {merge[:80]!r}; the file is damaged or of a kind chatterm cannot run"
            )
        if all(part in ids for part in parts):
            kept.append(pair)
    return kept


def _build_sentencepiece(
    vocabulary: Vocabulary, ids: dict[str, int], name: str, cache: Path | None
) -> Tokenizer:
    """Build merges that do what SentencePiece's scores do.

    SentencePiece joins the neighbours whose joint token has the highest score, the leftmost first, until
    nothing can be joined (Kudo and Richardson 2018; `bpe_model.cc`); so every cut of every token into two
    tokens is a merge, ranked by the token's score, as far as it can ever happen (`last_cuts`). Where equal
    scores meet, the leftmost-first rule holds only among cuts of equal rank, which trained vocabularies, with
    a score for each token, do not notice.
    """
    has_bytes = has_all_bytes(ids)
    unknown = None if vocabulary.unknown_id is None else vocabulary.tokens[vocabulary.unknown_id]
    if not has_bytes and not unknown:
        raise BadModelFile(
            f"{name}: the vocabulary should have tokens for all 256 bytes, or one for the unknown,"
            " but has neither; the file is damaged or of a kind chatterm cannot run"
        )
    if unknown and not has_bytes:
        ids[unknown] = vocabulary.ids[unknown]
    merges = merges_by_score(vocabulary, ids, name, cache)
    unknown_token = None if has_bytes else unknown
    return Tokenizer(models.BPE(ids, merges, unk_token=unknown_token, byte_fallback=True, fuse_unk=True))
