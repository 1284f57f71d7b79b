"""What a model needs on a device, by what is kept packed there. Torch-free: `models show` asks too."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chatterm.engine.local.weights.packed_types import HEAD_TARGET, Multiplier, held_bytes
from chatterm.errors import OutOfMemory
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.block_types import PLAIN_TYPES, BlockType
from chatterm.models.cache import NATIVE
from chatterm.models.checkpoint import Checkpoint
from chatterm.models.checkpoint_names import gguf_name, is_left_out
from chatterm.models.checkpoint_packing import PACKED
from chatterm.models.fit import CHUNK_SIZE, MemoryNeed, memory_need, said
from chatterm.models.free_memory import free_memory
from chatterm.models.gguf import TensorInfo

_NORM_BYTES = 4
"""A vector's value: fp32."""
_READS_HEAD: frozenset[Multiplier] = frozenset({"native", "kernels"})
_HEADS = {"token_embd.weight", "output.weight"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """How weights and cache are held on a device."""

    by: Multiplier = "torch"
    cache_itemsize: int = 4
    """Bytes of one number of the keys and values."""
    chunk_size: int = CHUNK_SIZE
    """Tokens of a prompt read in one step."""
    target: BlockType | None = None
    """What plain matrices are quantised to on load; None: nothing is."""

    def of(self, tensor: TensorInfo) -> int:
        """Return what one tensor takes once it is loaded, in bytes."""
        if len(tensor.shape) != 2:
            return tensor.num_elements * _NORM_BYTES
        rows, columns = tensor.shape
        is_plain = tensor.block_type.name in PLAIN_TYPES
        # A tied head is the embedding; one that is not is not asked for here.
        target = HEAD_TARGET if self.target and tensor.name in _HEADS else self.target
        quantises = target is not None and is_plain and columns % target.block_size == 0
        block_type = target if quantises and target else tensor.block_type
        return held_bytes(block_type, rows, columns, self.by)


def need_of(
    tensors: Collection[TensorInfo],
    spec: ArchSpec,
    *,
    context_length: int | None = None,
    holding: Holding | None = None,
) -> MemoryNeed:
    """Return what the model needs with a context of so many tokens (None: its own)."""
    holding = holding or Holding()
    need = memory_need(
        tensors,
        spec,
        context_length=context_length or spec.context_length,
        held=holding.of,
        cache_itemsize=holding.cache_itemsize,
        chunk_size=holding.chunk_size,
    )
    # A tied embedding is read from what the head is packed as.
    return replace(need, embedding=0) if holding.by in _READS_HEAD and spec.is_head_tied else need


def holding_here(cache: Path) -> Holding:
    """Return how the CPU will most likely hold weights: by the C library where one was compiled before."""
    is_native = any((cache / NATIVE).glob("*.so"))
    return Holding(by="native", cache_itemsize=2) if is_native else Holding()


def folder_tensors(checkpoint: Checkpoint, spec: ArchSpec) -> list[TensorInfo]:
    """Return a folder's tensors as a GGUF file would have them; GPTQ's and AWQ's codes as Q4_1."""
    kept = ((name, place.tensor) for name, place in checkpoint.tensors.items() if not is_left_out(name, spec))
    found = []
    for name, tensor in kept:
        called, kind = gguf_name(name, spec) or name, PLAIN_TYPES.get(tensor.dtype)
        if called.endswith(PACKED):
            count = 2 * tensor.num_bytes
            found.append(TensorInfo(called, (count // 32, 32), BlockType.Q4_1, 0, tensor.num_bytes, count))
        elif kind is not None:
            count = tensor.num_bytes // kind.type_size
            found.append(TensorInfo(called, tensor.shape, kind, 0, tensor.num_bytes, count))
    return found


@contextmanager
def memory_errors_told(what: str) -> Iterator[None]:
    """Turn the ways in which Python runs out of memory into OutOfMemory, which says what was being done."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(out_of_memory_text(what, free_memory())) from error
    except RuntimeError as error:
        # A thread's stack is memory too, and has no exception class of its own.
        if "can't start new thread" not in str(error):
            raise
        raise OutOfMemory(out_of_memory_text(what, free_memory())) from error


def out_of_memory_text(what: str, free: int | None, needed: int | None = None, device: str = "cpu") -> str:
    """Say for what memory ran out, with needed and free bytes where they are known, and what to do."""
    asked = "" if needed is None else f": {said(needed)} more were needed"
    left = "" if free is None else f"{', ' if asked else ': '}{said(free)} are free"
    return (
        f"not enough memory on {device} for {what}{asked}{left}; "
        "close other programs, or use a smaller model or a shorter --ctx"
    )
