"""A GPU's stand-in: torch's device `meta`, whose tensors have shapes and types and no numbers.

What needs a number is refused there, and so is a shape that depends on data. `Watch` refuses what is on
two devices, or leaves the card: no CUDA graph may hold it.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any  # values of all kinds are moved

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.gpu_int4 import GpuInt4Linear
from chatterm.engine.local.decoder.linear import DenseLinear, Placement
from chatterm.engine.local.weights.int4_codes import int4_slices
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.block_types import BlockType

CARD = torch.device("meta")


def on_card(decoder: Decoder, placement: Placement) -> Decoder:
    """Return the decoder as it would be placed, from one in fp32."""
    weights = decoder.weights
    moved = {
        one.name: _moved(getattr(weights, one.name), placement)
        for one in fields(weights)
        if one.name != "rope_frequencies"  # tables are made of them on the CPU
    }
    return Decoder(decoder.shape, placement, replace(weights, **moved))


def _moved(value: Any, placement: Placement) -> Any:
    if isinstance(value, Tensor):
        return torch.empty(value.shape, dtype=value.dtype, device=CARD)
    if isinstance(value, DenseLinear):
        return _product(value, placement)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{one.name: _moved(getattr(value, one.name), placement) for one in fields(value)}
        )
    if isinstance(value, tuple):
        return tuple(_moved(one, placement) for one in value)
    if type(value).__module__.endswith("norms"):
        made = copy.copy(value)
        vars(made).update({name: _moved(one, placement) for name, one in vars(value).items()})
        return made
    return value


def _product(linear: DenseLinear, placement: Placement) -> DenseLinear | GpuInt4Linear:
    columns, rows = linear._transposed.shape
    if not placement.keeps_packed:
        return DenseLinear(torch.empty(rows, columns, dtype=placement.dtype, device=CARD))
    blocks = torch.empty(rows, columns // 32, 18, dtype=torch.uint8)
    return GpuInt4Linear(int4_slices([BlockTensor("fake", BlockType.Q4_0, blocks)]), rows, CARD)


def _int4_shape(x: Tensor, packed: Tensor, group_size: int, affine: Tensor) -> Tensor:
    """Check the contract of CUDA's int4 product, and return what has its result's shape."""
    rows, columns = 8 * packed.shape[0], x.shape[1]
    assert x.dtype == affine.dtype == torch.bfloat16
    assert x.is_contiguous()
    assert 16 * packed.shape[1] * 2 * packed.shape[3] == columns
    assert affine.shape == (columns // group_size, rows, 2)
    return x.new_empty(len(x), rows)


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses operations on tensors that are not on the card."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.num_operations = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # What torch has for this one asks for a device that `meta` is not.
        known = _int4_shape if func is torch.ops.aten._weight_int4pack_mm.default else func
        found = known(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves((args, kwargs, found)) if isinstance(one, Tensor)]
        assert all(one.device == CARD for one in tensors), f"{func} is not on the card alone"
        self.num_operations += 1
        return found
