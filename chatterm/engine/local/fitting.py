"""Before weights are loaded: how a model fits its device, or why it does not fit.

With its whole context, with a shorter one, or, on a GPU, with some of its layers on the CPU.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.memory import Holding, folder_tensors, need_of
from chatterm.engine.local.options import RuntimeOptions
from chatterm.engine.local.source import FolderSource, GGUFSource, ModelSource
from chatterm.errors import OutOfMemory
from chatterm.models.fit import (
    PROGRAM_BYTES,
    MemoryNeed,
    fitted_context,
    layers_that_fit,
    said,
    shortened_notice,
)
from chatterm.models.gguf import TensorInfo

_SPLIT_CONTEXT = 8192
"""In tokens: of a model that does not fit, where nobody asked for another."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """How the model fits."""

    context_length: int
    """In tokens."""
    notices: tuple[str, ...] = ()
    """What people must be told: that the context was shortened, or that layers are on the CPU."""
    num_first: int | None = None
    """So many layers go to the device, the others to the CPU; None: all."""


def fitted(
    source: ModelSource, options: RuntimeOptions, placement: Placement, free: int, free_beside: int = 0
) -> Fitted:
    """Return how to load the model, where `free` bytes can be had on the placement's device.

    `free_beside` can be had on the CPU for the layers that a GPU cannot hold. What transformers runs is
    loaded untried: nobody can tell what it takes. Raises OutOfMemory with needed and free bytes and what
    would fit.
    """
    if not isinstance(source, (GGUFSource, FolderSource)):
        return Fitted(options.context_length)
    holding = Holding(
        by=placement.multiplier,
        cache_itemsize=placement.cache_dtype.itemsize,
        chunk_size=placement.chunk_size,
        target=source.target,
    )
    tensors, name = _tensors(source)
    need = need_of(tensors, source.spec, context_length=options.context_length, holding=holding)
    # The program itself is in memory by now.
    need = replace(need, working=need.working - PROGRAM_BYTES)
    asked, device = options.is_context_asked, str(placement.device)
    try:
        length = fitted_context(need, free, name=name, device=device, is_context_asked=asked)
    except OutOfMemory:
        split = None
        if placement.device.type == "cuda":
            kept = need if asked else replace(need, context_length=min(need.context_length, _SPLIT_CONTEXT))
            split = _split(kept, _layer_bytes(tensors, holding, source.spec.num_layers), free, free_beside)
        if split is None:
            raise
        return split
    is_shorter = length < options.context_length
    return Fitted(length, (shortened_notice(need, free, length),) if is_shorter else ())


def _split(need: MemoryNeed, layers: list[int], free: int, free_beside: int) -> Fitted | None:
    """Return with how many layers on the device the model fits; None where it does not even so."""
    num_first = layers_that_fit(need, layers, free)
    num_rest = len(layers) - num_first
    beside = sum(layers[num_first:]) + 2 * need.cache * num_rest // len(layers)
    if num_first == 0 or beside > free_beside:
        return None
    notice = (
        f"{num_rest} of {len(layers)} layers do not fit the {said(free)} that are free on the GPU and run on "
        f"the CPU ({said(beside)}): replies come several times slower; a smaller quantisation, or a shorter "
        f"--ctx than {need.context_length:,}, leaves fewer there"
    )
    return Fitted(need.context_length, (notice,), num_first)


def _layer_bytes(tensors: Collection[TensorInfo], holding: Holding, num_layers: int) -> list[int]:
    """Return what each layer takes; what is of none, loading refuses."""
    sizes = dict.fromkeys((f"blk.{index}" for index in range(num_layers)), 0)
    for tensor in tensors:
        layer = ".".join(tensor.name.split(".", 2)[:2])
        if layer in sizes:
            sizes[layer] += holding.of(tensor)
    return list(sizes.values())


def _tensors(source: GGUFSource | FolderSource) -> tuple[Collection[TensorInfo], str]:
    if isinstance(source, GGUFSource):
        return source.file.tensors.values(), source.file.path.name
    return folder_tensors(source.checkpoint, source.spec), source.checkpoint.folder.name
