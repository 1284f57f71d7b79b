"""Plain weights quantised on load: matrix by matrix, so that no second copy of the whole ever exists.

The embedding stays as it is, and a tied head with it; so do vectors, matrices whose columns are no whole
number of blocks, and what is quantised already.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from chatterm.engine.local.quantise import quantise
from chatterm.engine.local.weights import BlockTensor, Weights
from chatterm.models.block_types import BlockType

_DTYPES = {
    BlockType.F32: torch.float32,
    BlockType.F16: torch.float16,
    BlockType.BF16: torch.bfloat16,
}
_EMBEDDING = "token_embd.weight"


def quantised(weights: Weights, target: BlockType | None) -> Weights:
    """Return the weights quantised to `target`; None: as they are."""
    return weights if target is None else QuantisedWeights(weights, target)


@dataclass(frozen=True, slots=True)
class QuantisedWeights:
    """Weights over other Weights."""

    source: Weights
    target: BlockType

    def __contains__(self, name: str) -> bool:
        return name in self.source

    def matrix(self, name: str, shape: tuple[int, int]) -> BlockTensor:
        tensor = self.source.matrix(name, shape)
        dtype = _DTYPES.get(tensor.block_type)
        if dtype is None or name == _EMBEDDING or shape[1] % self.target.block_size:
            return tensor
        values = tensor.blocks.view(dtype).view(shape)
        return BlockTensor(name, self.target, quantise(values, self.target))

    def vector(self, name: str, length: int) -> BlockTensor:
        return self.source.vector(name, length)

    def unused(self, names: Sequence[str]) -> list[str]:
        return self.source.unused(names)
