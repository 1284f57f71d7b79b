"""How likely given endings of a prompt are. The prompt is read once; the endings share a pass."""

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.generation.passes import Part, Reader
from chatterm.engine.local.generation.sampling import check_finite

_MAX_COPIED = 512
"""In tokens: copying the keys and values of a longer prompt costs more than a pass of its own."""
_MAX_TOGETHER = 16
"""Endings in a pass, each with its copy of the prompt's keys and values."""


@torch.inference_mode()
def score_endings(
    reader: Reader, slab: Slab, logits: Tensor, endings: Sequence[Sequence[int]]
) -> list[float]:
    """Return the natural log-probability of each ending after the prompt that `slab` holds.

    `logits` are fp32 (vocabulary,), those after the prompt. Raises GenerationFailed where any are no
    numbers. The slab holds the prompt again at the end.
    """
    more = [index for index, ids in enumerate(endings) if len(ids) > 1]
    groups = _together(reader, slab, more, endings)
    rows = dict(zip(more, (row for group in groups for row in group), strict=True))
    return [
        _log_probability([logits.unsqueeze(0), *([rows[index]] if index in rows else [])], ids)
        for index, ids in enumerate(endings)
    ]


def _together(
    reader: Reader, slab: Slab, indices: Sequence[int], endings: Sequence[Sequence[int]]
) -> Iterator[Sequence[Tensor]]:
    """Yield the logits after each token but the last of the endings at `indices`, for groups of them."""
    num_prompt = len(slab.token_ids)
    size = _MAX_TOGETHER if num_prompt <= _MAX_COPIED else 1
    for start in range(0, len(indices), size):
        read = [endings[index][:-1] for index in indices[start : start + size]]
        slabs = [slab, *(slab.copy(num_prompt + len(ids)) for ids in read[1:])]
        parts = [Part(one, ids) for one, ids in zip(slabs, read, strict=True)]
        rows = iter(reader.read(parts, is_last_only=False))
        yield [torch.stack(list(islice(rows, len(ids)))) for ids in read]
        slab.truncate(num_prompt)


def _log_probability(rows: Sequence[Tensor], ids: Sequence[int]) -> float:
    """Add up how likely each of `ids` is by its row of logits; no ids are certain."""
    if not ids:
        return 0.0
    logits = torch.cat(list(rows))
    check_finite(logits)
    return float(logits.double().log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)].sum())
