"""What a model file needs on a device, by what is kept packed there. Torch-free: `models show` asks too."""

from functools import partial

from chatterm.engine.local.packed_types import held_bytes
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.fit import MemoryNeed, memory_need
from chatterm.models.gguf import GGUFFile, TensorInfo

_NORM_BYTES = 4
"""A vector's value: fp32."""


def need_of(
    file: GGUFFile,
    spec: ArchSpec,
    *,
    context_length: int | None = None,
    is_packed: bool = True,
    is_cpu: bool = True,
) -> MemoryNeed:
    """Return what the model needs with a context of so many tokens (None: its own).

    `is_packed` is False on a device without a packed product, `is_cpu` where keys and values are in
    half precision.
    """
    return memory_need(
        file.tensors.values(),
        spec,
        context_length=context_length or spec.context_length,
        held=partial(held, is_packed=is_packed),
        cache_itemsize=4 if is_cpu else 2,
    )


def held(tensor: TensorInfo, *, is_packed: bool = True) -> int:
    """Return what one tensor takes once it is loaded, in bytes."""
    if len(tensor.shape) != 2:
        return tensor.num_elements * _NORM_BYTES
    rows, columns = tensor.shape
    return held_bytes(tensor.block_type, rows, columns, keeps_packed=is_packed)

