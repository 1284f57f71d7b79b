"""Passes over one token of each of several sequences by the GPU's kernels, which read positions there."""

from collections.abc import Sequence
from functools import partial

import torch

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.token_passes import TokenPass, TokenRows
from chatterm.engine.local.gpu.decoder import GpuDecoder, PassRows, addresses_of


class KernelPasses:
    """TokenPasses. Caches are found by addresses on the device, so a graph serves any sequences."""

    num_tries = 0
    """Graphs are few, and are used again and again."""

    def __init__(self, decoder: Decoder, gpu: GpuDecoder) -> None:
        """`gpu` is `decoder.gpu`."""
        self._decoder = decoder
        self._gpu = gpu
        self._caches: dict[int, PassRows] = {}
        """By the number of rows: graphs know its addresses."""

    @property
    def most_rows(self) -> int:
        return self._gpu.most_rows

    def of(self, rows: TokenRows, segments: Sequence[Segment]) -> TokenPass:
        num_tokens = max(segment.end for segment in segments)
        num_splits = 1 << (self._gpu.num_splits(num_tokens) - 1).bit_length()
        turns = self._decoder.turns(self._gpu.num_tokens(num_splits))
        known = self._caches.get(len(segments))
        if known is None or known.positions is not rows.positions:
            known = self._caches[len(segments)] = _pass_rows(rows, segments)
        run = partial(self._gpu.run, known, turns, num_splits)
        return TokenPass(num_splits, partial(_tell_caches, known, segments), run, (known, turns))


def _pass_rows(rows: TokenRows, segments: Sequence[Segment]) -> PassRows:
    """Each row begins at its own token: all that is before it is in its cache."""
    device = rows.ids.device
    return PassRows(
        rows.ids,
        rows.positions,
        torch.arange(len(segments), dtype=torch.int32, device=device),
        rows.positions,
        torch.empty(len(segments), dtype=torch.int32, device=device),
        torch.empty(len(segments[0].keys_values), len(segments), dtype=torch.int64, device=device),
    )


def _tell_caches(rows: PassRows, segments: Sequence[Segment]) -> None:
    capacities = [segment.keys_values[0].shape[2] for segment in segments]
    rows.addresses.copy_(addresses_of(segments))
    rows.capacities.copy_(torch.tensor(capacities, dtype=torch.int32))
