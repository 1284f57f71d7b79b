"""Which device runs a model, and by what: what a GPU lacks is found out before weights are placed, and said.

The choice of kernels is in two parts: what can be told without a model, and a trial of the loaded one, for
compiler, driver and card may disagree in ways that only running tells.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from chatterm.engine.local.decoder.any_decoder import AnyDecoder
from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.linear import LoadPlan
from chatterm.engine.local.decoder.split_decoder import SplitDecoder
from chatterm.engine.local.gpu.availability import runs_on, slower, why_no_kernels
from chatterm.engine.local.native.build import find_compiler
from chatterm.engine.local.source import ModelSource
from chatterm.errors import UsageError

if TYPE_CHECKING:
    from chatterm.engine.local.gpu.kernels import GpuKernels


class KernelChoice(NamedTuple):
    """A GPU's kernels, or a note on what it does without them; on other devices neither."""

    kernels: "GpuKernels | None" = None
    notes: tuple[str, ...] = ()


def choose_device(name: str | None) -> torch.device:
    """Return the device called `name` (`cpu`, `cuda`, `cuda:1`, `mps`), or the best there is.

    Raises UsageError naming what is there.
    """
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    usable = [index for index in range(_num_gpus()) if why_unusable(index) is None]
    if usable:
        # Without a number it is the first of all.
        there[:0] = ["cuda"] * (usable[0] == 0) + [f"cuda:{index}" for index in usable]
    if name is not None and name not in there:
        reasons = "".join(f"; {reason}" for reason in unusable_gpus())
        raise UsageError(
            f"there is no device {name!r} on this machine; there is: {', '.join(there)}{reasons}"
        )
    return torch.device(name or there[0])


def unusable_gpus() -> tuple[str, ...]:
    """Say of each GPU that torch cannot use why that is."""
    reasons = (why_unusable(index) for index in range(_num_gpus()))
    return tuple(reason for reason in reasons if reason)


def why_unusable(index: int) -> str | None:
    """Say why torch has no code for a GPU; None where it has."""
    capability = torch.cuda.get_device_capability(index)
    if runs_on(capability, torch.cuda.get_arch_list()):
        return None
    return (
        f"cuda:{index} ({torch.cuda.get_device_name(index)}) has compute capability "
        f"{capability[0]}.{capability[1]}, for which torch {torch.__version__} has no code"
    )


def _num_gpus() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def choose_kernels(
    device: torch.device, *, cache: Path | None = None, is_identical: bool = False
) -> KernelChoice:
    """Return the kernels for a GPU, after a trial of one, or say what it does without them.

    What is compiled is kept in `cache` (None: where Triton keeps it). `is_identical` as in `GpuKernels`.
    """
    if device.type != "cuda":
        return KernelChoice()
    if reason := why_no_kernels(torch.cuda.get_device_capability(device)):
        return KernelChoice(None, (reason,))
    # Read when Triton is imported. Fused multiplications and additions are no loss here.
    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")
    # Triton's own look for a compiler knows fewer names.
    os.environ.setdefault("CC", str(find_compiler()))
    if cache is not None:
        os.environ.setdefault("TRITON_CACHE_DIR", str(cache))
    try:
        from chatterm.engine.local.gpu.kernels import GpuKernels
    except (ImportError, AttributeError, OSError) as error:
        # Another Triton than the kernels are for, or half of one.
        return KernelChoice(None, (slower(f"Triton cannot be imported ({error})"),))
    kernels = GpuKernels.on(device, is_identical=is_identical)
    if reason := kernels.why_they_fail():
        return KernelChoice(None, (slower(f"Triton's kernels do not run here ({reason})"),))
    return KernelChoice(kernels)


def load_tried(source: ModelSource, plan: LoadPlan) -> tuple[AnyDecoder, tuple[str, ...]]:
    """Load the model as planned, or without the GPU's kernels where they do not run it; with notes.

    Raises as `ModelSource.load`.
    """
    model, notes = source.load(plan)
    reason = model.why_kernels_fail() if isinstance(model, Decoder | SplitDecoder) else None
    if reason is None:
        return model, notes
    del model
    torch.cuda.empty_cache()
    model, notes = source.load(replace(plan, placement=replace(plan.placement, kernels=None)))
    return model, (slower(f"Triton's kernels do not run this model here ({reason})"), *notes)


def gpu_decoder(device: torch.device, cache: Path | None = None) -> str:
    """Say what a GPU's decoder is made of, after a trial of its kernels; `cache` as in `choose_kernels`."""
    choice = choose_kernels(device, cache=cache)
    how = choice.notes[0] if choice.notes else "Triton's kernels, one CUDA graph a token"
    return f"{how}; {torch.cuda.get_device_name(device)}"
