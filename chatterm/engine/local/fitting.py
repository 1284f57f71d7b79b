"""Before weights are loaded: the context with which a model fits its device, or why it does not fit."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.memory import Holding, folder_tensors, need_of
from chatterm.engine.local.options import RuntimeOptions
from chatterm.engine.local.source import FolderSource, GGUFSource, ModelSource
from chatterm.models.fit import PROGRAM_BYTES, fitted_context, shortened_notice
from chatterm.models.gguf import TensorInfo


@dataclass(frozen=True, slots=True)
class Fitted:
    """The context with which the model fits."""

    context_length: int
    """In tokens."""
    notices: tuple[str, ...] = ()
    """What people must be told: that the context was shortened."""


def fitted(source: ModelSource, options: RuntimeOptions, placement: Placement, free: int) -> Fitted:
    """Return the context to load with, where `free` bytes can be had on the placement's device.

    What transformers runs is loaded untried: nobody can tell what it takes. Raises OutOfMemory with needed
    and free bytes and what would fit.
    """
    if not isinstance(source, (GGUFSource, FolderSource)):
        return Fitted(options.context_length)
    holding = Holding(
        keeps_packed=placement.keeps_packed,
        is_native=placement.native is not None,
        cache_itemsize=placement.cache_dtype.itemsize,
        target=source.target,
    )
    tensors, name = _tensors(source)
    need = need_of(tensors, source.spec, context_length=options.context_length, holding=holding)
    # The program itself is in memory by now.
    need = replace(need, working=need.working - PROGRAM_BYTES)
    device = str(placement.device)
    length = fitted_context(need, free, name=name, device=device, is_context_asked=options.is_context_asked)
    is_shorter = length < options.context_length
    return Fitted(length, (shortened_notice(need, free, length),) if is_shorter else ())


def _tensors(source: GGUFSource | FolderSource) -> tuple[Collection[TensorInfo], str]:
    if isinstance(source, GGUFSource):
        return source.file.tensors.values(), source.file.path.name
    return folder_tensors(source.checkpoint, source.spec), source.checkpoint.folder.name
