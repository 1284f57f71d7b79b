"""The torch side of the local engine: the model on its device, with its cache.

Owns the choice of device and threads, what memory the cache may take, and what running out of it means.
Opened on one thread and used from that thread alone: torch's thread count belongs to the thread that sets
it. Knows no text.
"""

import os
import re
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import torch

from chatterm.engine.base import GenerationRequest
from chatterm.engine.local.decoder.any_decoder import AnyDecoder
from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.linear import LoadPlan, Placement
from chatterm.engine.local.decoder.token_passes import TokenPasses, TorchPasses
from chatterm.engine.local.devices import choose_device, choose_kernels, load_tried, unusable_gpus
from chatterm.engine.local.fitting import fitted
from chatterm.engine.local.generation.choosing import Constraint, Drawn, TokenChooser
from chatterm.engine.local.generation.device_steps import DeviceSteps
from chatterm.engine.local.generation.generate import FastSteps, PromptReading, Stepper
from chatterm.engine.local.generation.kv_cache import KVCache, Slab
from chatterm.engine.local.generation.lookup import MAX_DRAFT, PromptLookup
from chatterm.engine.local.generation.passes import Reader
from chatterm.engine.local.generation.run import SampleRun
from chatterm.engine.local.generation.scoring import score_endings
from chatterm.engine.local.heap import bound_prepared_products
from chatterm.engine.local.memory import out_of_memory_text
from chatterm.engine.local.native.library import NativeLibrary
from chatterm.engine.local.options import RuntimeOptions
from chatterm.engine.local.source import ModelSource
from chatterm.engine.local.thread_choice import ThreadChoice
from chatterm.errors import GenerationFailed, OutOfMemory
from chatterm.models.free_memory import free_memory

_T = TypeVar("_T")


MAX_LIVE = 32
_OUT_OF_MEMORY = (
    "can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED", "could not create a primitive"
)  # fmt: skip
CACHE_SHARE = 0.25
"""Of the memory that is free once the weights are loaded, how much keys and values may take by default."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_GPU_LIBRARIES = 250_000_000
"""Bytes that cuBLAS, loaded kernels and graphs take beside the model. Estimated, not measured."""
_ROW_COST = {"cpu": 0.3}
"""What one more row adds to a pass, in passes of one row: measured with int4 products for 2 to 8 rows."""
_ROW_COST_ELSEWHERE = 0.1
_ROW_COST_BESIDE_GRAPHS = 0.5
"""Such a pass is launched kernel by kernel, two to five times a graph's step. Estimated, not measured."""
_SLOW_READING = (
    "deterministic replies read the prompt one token at a time here, which is slow; "
    "compiled kernels, which need a C compiler, read many"
)


class Runtime:
    """A loaded model."""

    def __init__(
        self,
        model: AnyDecoder,
        cache: KVCache,
        threads: ThreadChoice,
        notes: tuple[str, ...],
        options: RuntimeOptions,
        notices: tuple[str, ...] = (),
    ) -> None:
        """Use `open`."""
        self._cache = cache
        self._device = model.placement.device
        self._reader = Reader(model, is_deterministic=options.is_deterministic)
        fast = _fast_steps(model, options)
        self._stepper = Stepper(self._reader, threads, fast)
        self._row_cost = _ROW_COST.get(self._device.type, _ROW_COST_ELSEWHERE)
        if fast is not None:
            self._row_cost = _ROW_COST_BESIDE_GRAPHS
        self.max_live = MAX_LIVE if fast is None else fast.most_rows
        """Replies that go on together. More share a pass on the CPU no better."""
        most = MAX_DRAFT if self._reader.max_rows is None else min(MAX_DRAFT, self._reader.max_rows - 1)
        self._max_draft = most if options.has_prompt_lookup else 0
        self.context_length = options.context_length
        """In tokens: what was chosen, or less where memory is short."""
        self.notes = notes if self._reader.max_rows != 1 else (*notes, _SLOW_READING)
        """What people should know of how the weights are kept."""
        self.notices = notices
        """What people must be told: a shorter context."""

    @classmethod
    @torch.inference_mode()
    def open(cls, source: ModelSource, options: RuntimeOptions, kernels: Path | None = None) -> Self:
        """Load the weights. Raises UsageError for a device that is not there, BadModelFile, OutOfMemory."""
        chosen = choose_device(options.device)
        if chosen.index is not None:
            # Streams, graphs and Triton's launches go to the thread's own device.
            torch.cuda.set_device(chosen)
        bound_prepared_products()
        most_threads = options.num_threads or num_physical_cores()
        # Many short operations: beside other busy programs, threads that wait for each other in each of
        # them took 11 s where one alone took 0.3.
        torch.set_num_threads(1)
        native = NativeLibrary(kernels, most_threads) if kernels and chosen.type == "cpu" else None
        native = native if native and native.is_fast else None
        kernels_found = choose_kernels(
            chosen, cache=options.gpu_kernels, is_identical=options.is_deterministic
        )
        placement = Placement.best_for(chosen, native, kernels_found.kernels)
        cpu = torch.device("cpu")
        free = _free_bytes(chosen) - (_GPU_LIBRARIES if chosen.type == "cuda" else 0)
        fit = fitted(source, options, placement, max(0, free), _free_bytes(cpu))
        options = replace(options, context_length=fit.context_length)
        plan = LoadPlan(
            placement=placement,
            context_length=fit.context_length,
            num_first=fit.num_first,
            spill=Placement.best_for(cpu),
        )
        with memory_errors_named(chosen, "the model's weights"):
            model, notes = load_tried(source, plan)
        if chosen.type == "cuda":
            torch.cuda.empty_cache()  # of what unpacking took, which would count as not free
        is_fixed = options.num_threads is not None or options.is_deterministic or chosen.type != "cpu"
        threads = ThreadChoice(most_threads, partial(_set_threads, native), is_fixed=is_fixed)
        threads.calibrate(partial(torch.zeros, 2**19))
        budget = options.cache_bytes or int(CACHE_SHARE * _free_bytes(chosen))
        cache = KVCache(model, options.context_length, budget)
        return cls(
            model, cache, threads, (*unusable_gpus(), *kernels_found.notes, *notes), options, fit.notices
        )

    @property
    def device(self) -> str:
        return str(self._device)

    def has_room(self, num_tokens: int) -> bool:
        """Tell whether a sequence of `num_tokens`, prompt and reply, may join those under way."""
        return self._cache.has_room(num_tokens)

    def open_prompt(
        self, prompt_ids: Sequence[int], num_tokens: int, *, is_known: bool = False
    ) -> PromptReading:
        """Start on a prompt of at least one token, for `num_tokens` with its reply.

        `is_known`: its logits are kept, so that nothing needs to be read where the cache has all of it.
        Its slab is in use until `give_back`.
        """
        slab = self._cache.take(prompt_ids, num_tokens, may_hold_all=is_known)
        return PromptReading(slab, prompt_ids, self._reader)

    def begin(  # noqa: PLR0913  # what a reply is made of
        self,
        slab: Slab,
        prompt_ids: Sequence[int],
        request: GenerationRequest,
        sample: int,
        *,
        constraint: Constraint | None,
        end_ids: Collection[int],
        max_tokens: int,
    ) -> SampleRun:
        """Make ready a reply to a prompt that the slab holds."""
        chooser = TokenChooser(
            request.sampling, sample, constraint=constraint, num_alternatives=request.num_alternatives
        )
        lookup = PromptLookup(self._row_cost, self._max_draft) if self._max_draft > 0 else None
        return SampleRun(slab, prompt_ids, chooser, end_ids=end_ids, max_tokens=max_tokens, lookup=lookup)

    def first(self, run: SampleRun, logits: torch.Tensor) -> list[Drawn]:
        """Return the first token of a reply, from the prompt's logits; none where it ends at once."""
        return self._stepper.begin(run, logits)

    def step(self, runs: Sequence[SampleRun]) -> list[list[Drawn]]:
        """Return the next tokens of each reply."""
        return self._stepper.step(runs)

    def give_back(self, slab: Slab, *, is_once: bool = False) -> None:
        """Keep what a slab holds for later prompts; harmless when repeated."""
        self._cache.give_back(slab, is_once=is_once)

    def forget(self) -> None:
        """Drop what was kept of earlier prompts, and of earlier steps."""
        self._cache.clear()
        self._stepper.forget()

    def score(self, reading: PromptReading, endings: Sequence[Sequence[int]]) -> list[float]:
        """Return the log-probability of each ending of a prompt that was read."""
        assert reading.logits is not None, "the prompt was not read"
        return score_endings(self._reader, reading.slab, reading.logits, endings)

    def guarded(self, values: Generator[_T]) -> Generator[_T]:
        """Yield `values`, with the ways in which memory runs out turned into OutOfMemory.

        Where the GPU itself fails that is GenerationFailed: it does nothing more for this process.
        """
        try:
            with memory_errors_named(self._device, "this conversation"), closing(values):
                yield from values
        except OutOfMemory:
            # What is kept is within the budget, but others have taken what was free: leave room to go on.
            self.forget()
            raise
        except torch.AcceleratorError as error:
            raise GenerationFailed(
                f"the GPU failed ({str(error).splitlines()[0]}); start chatterm again, and where it comes "
                "again use `--device cpu`"
            ) from error


def _fast_steps(model: AnyDecoder, options: RuntimeOptions) -> FastSteps | None:
    """Return what chooses tokens on the device; None where that is not worth it, or would break a promise."""
    if not isinstance(model, Decoder) or (passes := _token_passes(model, options)) is None:
        return None
    return DeviceSteps(model, passes)


def _token_passes(model: Decoder, options: RuntimeOptions) -> TokenPasses | None:
    if model.gpu is not None:
        from chatterm.engine.local.gpu.token_passes import KernelPasses

        return KernelPasses(model, model.gpu)
    # torch's products and attention round a row otherwise in another company, and behind a mask.
    is_fit = model.placement.device.type == "cuda" and not options.is_deterministic
    return TorchPasses(model) if is_fit else None


def _set_threads(native: NativeLibrary | None, num_threads: int) -> None:
    torch.set_num_threads(num_threads)
    if native is not None:
        native.num_threads = num_threads


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
        quota, period = _QUOTA.read_text().split()
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
        # The CPU's allocator, CUDA's own, cuBLAS's and Triton's have no exception class of their own.
        if not any(text in str(error) for text in _OUT_OF_MEMORY):
            raise
        raise _out_of_memory(device, what, error) from error


def _out_of_memory(device: torch.device, what: str, error: Exception) -> OutOfMemory:
    needed = _asked_bytes(str(error))
    return OutOfMemory(out_of_memory_text(what, _free_bytes(device), needed, str(device)))


def _asked_bytes(text: str) -> int | None:
    """Return the bytes that an allocator's message says were asked for."""
    found = re.search(r"tried to allocate ([\d.]+) ?(\w+)", text, re.IGNORECASE)
    units = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    return int(float(found[1]) * units[found[2]]) if found and found[2] in units else None


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return free_memory() or os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
