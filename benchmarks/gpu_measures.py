"""What is measured of one decoder on one device, and what its memory and cores would allow."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from benchmarks.gpu_shapes import Shape
from benchmarks.gpu_table import Clock, Row
from chatterm.engine.base import SamplingParams
from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.token_passes import TokenPasses, TorchPasses
from chatterm.engine.local.generation.choosing import TokenChooser
from chatterm.engine.local.generation.device_steps import DeviceSteps
from chatterm.engine.local.generation.generate import Stepper
from chatterm.engine.local.generation.graphs import CudaGraphs
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.generation.passes import Reader
from chatterm.engine.local.generation.run import SampleRun
from chatterm.engine.local.thread_choice import ThreadChoice

NUM_STEPS = 64
WARM_UP_STEPS = 6
"""Kernels are compiled, a graph is made, and the step after it is launched by it."""
FIRST_TOKEN_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Limits:
    """What the device can do."""

    bytes_per_s: float
    """Of a copy, bytes read and written."""
    operations_per_s: float
    """Of a bf16 matrix product, two for each multiplication."""

    def decode_share(
        self, shape: Shape, weight_bytes: float, *, count: int, context: int, step_s: float
    ) -> float:
        """Return which share of a step is what reading weights and `count` caches once would take."""
        return (weight_bytes + count * cache_bytes(shape, context)) / self.bytes_per_s / step_s

    def prefill_share(self, shape: Shape, num_tokens: int, took_s: float) -> float:
        """Return which share of reading a prompt is what its matrix products would take."""
        return 2 * shape.weights_read * num_tokens / self.operations_per_s / took_s


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    contexts: Sequence[int]
    batches: Sequence[int]
    """Numbers of replies at once, beside one, at `batch_context`."""
    batch_context: int
    prompts: Sequence[int]
    num_steps: int = NUM_STEPS
    repeats: int = 5


FULL = Plan((1_000, 100, 4_000, 16_000), (4, 8, 16), 1_000, (512, 4096))
QUICK = Plan((1_000,), (8,), 1_000, (512,), num_steps=24, repeats=2)
DRY = Plan((20,), (2,), 20, (40,), num_steps=2, repeats=1)
"""To see that it runs, in the interpreter."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose decoder is measured."""

    name: str
    shape: Shape
    contender: str
    decoder: Decoder

    def row(self, measure: str, value: float, unit: str, roofline: float | None = None) -> Row:
        return Row(self.name, measure, self.contender, value, unit, roofline)


def cache_bytes(shape: Shape, num_tokens: int) -> int:
    """Return what the keys and values of so many tokens take, in 16 bits each."""
    return 4 * shape.num_layers * shape.num_kv_heads * shape.head_length * num_tokens


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(
    run: Callable[[], object], device: torch.device, repeats: int, clock: Clock | None = None
) -> float:
    """Return the median time of `run` to its end on the device, after one warm-up.

    Where the time is over, of those that there was time for, one at least.
    """
    times: list[float] = []
    for number in range(repeats + 1):
        wait(device)
        begun = time.perf_counter()
        run()
        wait(device)
        if number:
            times.append(time.perf_counter() - begun)
        if times and clock is not None and not clock.left:
            break
    return statistics.median(times)


def measure_limits(device: torch.device) -> Limits:
    is_gpu = device.type == "cuda"
    size = 2**30 if is_gpu else 2**24
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy_s = seconds(lambda: target.copy_(source), device, 5)
    side = 8192 if is_gpu else 256
    a = torch.randn(side, side, device=device).bfloat16()
    product_s = seconds(lambda: a @ a, device, 5)
    return Limits(2 * size / copy_s, 2 * side**3 / product_s)


def passes_of(decoder: Decoder) -> TokenPasses:
    if decoder.gpu is None:
        return TorchPasses(decoder)
    from chatterm.engine.local.gpu.token_passes import KernelPasses

    return KernelPasses(decoder, decoder.gpu)


class Graphs:
    """Makes graphs, and tells whether all could be made: Capture."""

    def __init__(self, device: torch.device) -> None:
        self._capture = CudaGraphs(device)
        self.num_failed = 0

    def __call__(self, body: Callable[[], None]) -> Callable[[], None] | None:
        made = self._capture(body)
        self.num_failed += made is None
        return made


def decode_rows(
    subject: Subject, limits: Limits, plan: Plan, clock: Clock, *, weight_bytes: float
) -> Iterator[Row]:
    """Yield tokens a second at each context, then for each number of replies. Raises OutOfTime."""
    decoder, shape = subject.decoder, subject.shape
    device = decoder.placement.device
    cases = [(1, context) for context in plan.contexts]
    for count, context in [*cases, *((count, plan.batch_context) for count in plan.batches)]:
        clock.check()
        graphs = Graphs(device) if device.type == "cuda" else None
        step_s = _step_seconds(decoder, count, context, graphs, plan, clock)
        failed = " (without a graph)" if graphs is not None and graphs.num_failed else ""
        share = limits.decode_share(shape, weight_bytes, count=count, context=context, step_s=step_s)
        measure = f"decode, n={count}, context {context:,}"
        yield replace(subject, contender=subject.contender + failed).row(
            measure, count / step_s, "tok/s", share
        )


def _step_seconds(
    decoder: Decoder, count: int, context: int, graphs: Graphs | None, plan: Plan, clock: Clock
) -> float:
    device = decoder.placement.device
    room = plan.num_steps + WARM_UP_STEPS + 4
    runs = [_run_of(decoder, context, sample, room) for sample in range(count)]
    threads = ThreadChoice(1, torch.set_num_threads, is_fixed=True)
    stepper = Stepper(Reader(decoder), threads, DeviceSteps(decoder, passes_of(decoder), graphs))
    for _ in range(WARM_UP_STEPS):
        stepper.step(runs)
    wait(device)
    begun, num_steps = time.perf_counter(), 0
    while num_steps < plan.num_steps and (clock.left or not num_steps):
        stepper.step(runs)
        num_steps += 1
    wait(device)
    return (time.perf_counter() - begun) / num_steps


def _run_of(decoder: Decoder, num_tokens: int, sample: int, room: int) -> SampleRun:
    """Return a reply on a slab that holds so many tokens' random keys and values."""
    slab = Slab(decoder, num_tokens + room, num_tokens + room)
    slab.reserve(num_tokens + room)
    for tensor in slab.tensors:
        tensor.normal_()
    slab.token_ids = [n % 200 + 3 for n in range(num_tokens)]
    chooser = TokenChooser(SamplingParams(temperature=0.0), sample)
    return SampleRun(slab, [*slab.token_ids, 5 + sample], chooser, end_ids=(), max_tokens=room)


def prefill_rows(subject: Subject, limits: Limits, plan: Plan, clock: Clock) -> Iterator[Row]:
    """Yield tokens a second of reading prompts. Raises OutOfTime."""
    decoder = subject.decoder
    for length in plan.prompts:
        clock.check()
        ids = [n % 200 + 3 for n in range(length)]
        slab = Slab(decoder, length + 8, length + 8)
        slab.reserve(length)
        read = partial(_read, slab, ids, decoder.placement.chunk_size)
        read_s = seconds(read, decoder.placement.device, plan.repeats, clock)
        share = limits.prefill_share(subject.shape, length, read_s)
        yield subject.row(f"prefill {length:,}", length / read_s, "tok/s", share)
        if length == FIRST_TOKEN_LENGTH:
            yield subject.row(f"first token after {length}", 1e3 * read_s, "ms")


def _read(slab: Slab, ids: Sequence[int], chunk: int) -> None:
    slab.truncate(0)
    for start in range(0, len(ids), chunk):
        slab.read(ids[start : start + chunk])


def kernel_row(subject: Subject) -> Row:
    """Count the kernels of one pass over one token."""
    decoder = subject.decoder
    slab = Slab(decoder, 80, 80)
    slab.read(list(range(3, 67)))
    slab.read([5])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        slab.read([6])
        wait(decoder.placement.device)
    count = sum(event.count for event in profile.key_averages() if "emcpy" not in event.key)
    return subject.row("kernels a pass", count, "")
