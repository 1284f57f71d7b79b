"""The torch side of the local engine: the model on its device, with its cache.

Owns the choice of device and threads, and what running out of memory means. Opened on one thread and
used from that thread alone: torch's thread count belongs to the thread that sets it. Knows no text.
"""

import os
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import torch

from chatterm.engine.local.generate import PromptRun
from chatterm.engine.local.kv_cache import KVCache
from chatterm.engine.local.linear import Placement
from chatterm.engine.local.loading import load_decoder
from chatterm.engine.local.model import Decoder
from chatterm.engine.local.thread_choice import ThreadChoice
from chatterm.engine.local.weights import WeightFile
from chatterm.errors import OutOfMemory, UsageError
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.gguf import GGUFFile

_T = TypeVar("_T")


class Runtime:
    """A loaded model."""

    def __init__(
        self, model: Decoder, context_length: int, threads: ThreadChoice, notes: tuple[str, ...]
    ) -> None:
        """Use `open`."""
        self._cache = KVCache(model, context_length)
        self._threads = threads
        self._device = model.placement.device
        self.notes = notes
        """What people should know of how the weights are kept."""

    @classmethod
    @torch.inference_mode()
    def open(
        cls,
        file: GGUFFile,
        shape: ArchSpec,
        *,
        context_length: int,
        device: str | None,
        num_threads: int | None,
    ) -> Self:
        """Load the weights. Raises UsageError for a device that is not there, BadModelFile, OutOfMemory."""
        chosen = choose_device(device)
        most_threads = num_threads or num_physical_cores()
        # Many short operations: beside other busy programs, threads that wait for each other in each of
        # them took 11 s where one alone took 0.3.
        torch.set_num_threads(1)
        with memory_errors_named(chosen, "the model's weights"):
            model, notes = load_decoder(WeightFile(file), shape, Placement.best_for(chosen))
        is_fixed = num_threads is not None or chosen.type != "cpu"
        threads = ThreadChoice(most_threads, torch.set_num_threads, is_fixed=is_fixed)
        threads.calibrate(partial(torch.zeros, 2**19))
        return cls(model, context_length, threads, notes)

    @property
    def device(self) -> str:
        return str(self._device)

    def begin(self, prompt_ids: Sequence[int]) -> PromptRun:
        """Start on a prompt of at least one token; what came before is over."""
        return PromptRun(self._cache.take(prompt_ids), prompt_ids, self._threads)

    def guarded(self, values: Generator[_T]) -> Generator[_T]:
        """Yield `values`, with the ways in which memory runs out turned into OutOfMemory."""
        with memory_errors_named(self._device, "this conversation"), closing(values):
            yield from values


def choose_device(name: str | None) -> torch.device:
    """Return the device called `name` (`cpu`, `cuda`, `cuda:1`, `mps`), or the best there is.

    Raises UsageError naming what is there.
    """
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there[:0] = ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if name is not None and name not in there:
        raise UsageError(f"there is no device {name!r} on this machine; there is: {', '.join(there)}")
    return torch.device(name or there[0])


def num_physical_cores() -> int:
    """Count the cores this process may use: two threads of one core only get into each other's way.

    Where the system does not tell (not Linux), torch's own default, which is the same.
    """
    try:
        logical = os.sched_getaffinity(0)
        cores = {_siblings(number) for number in logical}
    except (AttributeError, OSError):
        return torch.get_num_threads()
    return max(1, min(len(cores), _cpu_quota()))


def _siblings(number: int) -> str:
    """Return the names of the logical processors on one core, equal for all of them."""
    return Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text()


def _cpu_quota() -> int:
    """Return how many processors' time a container may use (cgroup v2), a large number where all."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return 2**16
    return 2**16 if quota == "max" else max(1, int(quota) // int(period))


@contextmanager
def memory_errors_named(device: torch.device, what: str) -> Iterator[None]:
    """Turn the ways in which memory runs out into OutOfMemory, with needed and free bytes where known."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _out_of_memory(device, what, error) from error
    except RuntimeError as error:
        # The CPU's allocator has no exception class of its own.
        if "can't allocate memory" not in str(error):
            raise
        raise _out_of_memory(device, what, error) from error


def _out_of_memory(device: torch.device, what: str, error: Exception) -> OutOfMemory:
    needed = re.search(r"tried to allocate ([\d.]+ ?\w+)", str(error), re.IGNORECASE)
    asked = f" ({needed[1]} more were needed)" if needed else ""
    return OutOfMemory(
        f"not enough memory on {device} for {what}{asked}; {_free_bytes(device) / 1e6:,.0f} MB are free. "
        "Close other programs, or use a smaller model or --ctx"
    )


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
