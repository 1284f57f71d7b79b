"""Plain weights quantised on load: matrix by matrix, so that no second copy of the whole ever exists.

The head gets 8 bits whatever the others get, as llama.cpp's files have it: it decides each token, and is
read for each. An embedding that is not the head too stays as it is, for its rows are only looked up; so do
vectors, matrices whose columns are no whole number of blocks, and what is quantised already.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chatterm.engine.local.weights.packed_types import HEAD_TARGET
from chatterm.engine.local.weights.packing import PLAIN_DTYPES
from chatterm.engine.local.weights.quantise import quantise
from chatterm.engine.local.weights.tensors import BlockTensor, Weights
from chatterm.models.block_types import BlockType

_EMBEDDING, _HEAD = "token_embd.weight", "output.weight"


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
        dtype, target = PLAIN_DTYPES.get(tensor.block_type), self._target_of(name)
        if dtype is None or target is None or shape[1] % target.block_size:
            return tensor
        values = tensor.blocks.view(dtype).view(shape)
        return BlockTensor(name, target, quantise(values, target))

    def _target_of(self, name: str) -> BlockType | None:
        """Return what a matrix becomes; None: it stays."""
        head = _HEAD if _HEAD in self.source else _EMBEDDING
        if name == head:
            return HEAD_TARGET
        return None if name == _EMBEDDING else self.target

    def vector(self, name: str, length: int) -> BlockTensor:
        return self.source.vector(name, length)

    def unused(self, names: Sequence[str]) -> list[str]:
        return self.source.unused(names)
