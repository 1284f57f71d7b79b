"""How fast a GPU decodes and reads, as tokens a second and as shares of what its memory and cores allow.

    python benchmarks/gpu.py [--shapes 1B,3B,8B,32B] [--device cuda] [--quick] [--keep]

Models of known shapes with random 4-bit weights are made on the device (gpu_shapes.py). First the bandwidth
of a copy and the rate of a bf16 matrix product are measured; then for each shape decoding at several lengths
of context, alone and with 4, 8 and 16 replies at once, reading prompts of 512 and 4,096 tokens, the first
token after 512, memory, and kernels a step. Beside them in the same run, at a context of 1,000: the same
decoder with torch's int4 products in a CUDA graph, with bf16 weights and cuBLAS in a graph, and transformers'
`generate` (bf16). The share of the roofline is of the time that reading the weights and the cache once would
take. Needs torch, Triton, numpy, tokenizers and safetensors; transformers only for its own line.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.gpu_shapes import SHAPES, Shape, random_decoder
from benchmarks.measuring import write_table
from chatterm.engine.base import SamplingParams
from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.generation.choosing import TokenChooser
from chatterm.engine.local.generation.generate import Stepper
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.generation.passes import Reader
from chatterm.engine.local.generation.run import SampleRun
from chatterm.engine.local.thread_choice import ThreadChoice

CONTEXTS = (100, 1_000, 4_000, 16_000)
BATCHES = (1, 4, 8, 16)
NUM_STEPS = 64
BASELINE_CONTEXT = 1_000
DENSE_LIMIT = 20e9
"""Weights beyond this are not made in bf16."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    shape: str
    measure: str
    contender: str
    value: float
    unit: str
    roofline: float | None = None
    """Share of it, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the device can do."""

    bytes_per_s: float
    """Of a copy, bytes read and written."""
    operations_per_s: float
    """Of a bf16 matrix product, two for each multiplication."""


class Bench:
    """Measures on one device."""

    def __init__(self, device: torch.device, *, is_quick: bool) -> None:
        self.device = device
        self.is_quick = is_quick
        self.limits = self._measure_limits()

    def seconds(self, run: Callable[[], object], repeats: int = 5) -> float:
        """Return the median time of `run` to its end on the device, after one warm-up."""
        times = []
        for number in range(repeats + 1):
            self.wait()
            begun = time.perf_counter()
            run()
            self.wait()
            if number:
                times.append(time.perf_counter() - begun)
        return statistics.median(times)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _measure_limits(self) -> Limits:
        is_gpu = self.device.type == "cuda"
        size = 2**30 if is_gpu else 2**24
        source = torch.empty(size, dtype=torch.uint8, device=self.device)
        target = torch.empty_like(source)
        copy_s = self.seconds(lambda: target.copy_(source))
        side = 8192 if is_gpu else 256
        a = torch.randn(side, side, device=self.device).bfloat16()
        product_s = self.seconds(lambda: a @ a)
        return Limits(2 * size / copy_s, 2 * side**3 / product_s)


def slab_of(decoder: Decoder, num_tokens: int, room: int) -> Slab:
    """Return a slab that holds so many tokens' random keys and values."""
    slab = Slab(decoder, num_tokens + room, num_tokens + room)
    slab.reserve(num_tokens + room)
    for tensor in slab.tensors:
        tensor.normal_()
    slab.token_ids = [n % 200 + 3 for n in range(num_tokens)]
    return slab


def run_of(decoder: Decoder, num_tokens: int, sample: int, room: int) -> SampleRun:
    slab = slab_of(decoder, num_tokens, room)
    chooser = TokenChooser(SamplingParams(temperature=0.0), sample)
    return SampleRun(slab, [*slab.token_ids, 5 + sample], chooser, end_ids=(), max_tokens=room)


def stepper_of(decoder: Decoder) -> Stepper:
    assert decoder.gpu is not None
    from chatterm.engine.local.generation.device_steps import DeviceSteps
    from chatterm.engine.local.gpu.token_passes import KernelPasses

    threads = ThreadChoice(1, torch.set_num_threads, is_fixed=True)
    return Stepper(Reader(decoder), threads, DeviceSteps(decoder, KernelPasses(decoder, decoder.gpu)))


def cache_bytes(shape: Shape, num_tokens: int) -> int:
    return 4 * shape.num_layers * shape.num_kv_heads * shape.head_length * num_tokens


def decode_rows(bench: Bench, name: str, shape: Shape, decoder: Decoder, weight_bytes: int) -> Iterator[Row]:
    """Yield tokens a second at each context and each number of replies."""
    cases = [(1, context) for context in CONTEXTS] + [(count, BASELINE_CONTEXT) for count in BATCHES[1:]]
    cases = cases[:1] if bench.is_quick else cases
    for count, context in cases:
        steps = 4 if bench.is_quick else NUM_STEPS
        runs = [run_of(decoder, context, sample, 3 * steps) for sample in range(count)]
        stepper = stepper_of(decoder)
        for _ in range(4):  # compiles, captures
            stepper.step(runs)
        bench.wait()
        begun = time.perf_counter()
        for _ in range(steps):
            stepper.step(runs)
        bench.wait()
        step_s = (time.perf_counter() - begun) / steps
        least_s = (weight_bytes + count * cache_bytes(shape, context)) / bench.limits.bytes_per_s
        measure = f"decode, n={count}, context {context:,}"
        yield Row(name, measure, "chatterm", count / step_s, "tok/s", least_s / step_s)


def prefill_rows(bench: Bench, name: str, shape: Shape, decoder: Decoder) -> Iterator[Row]:
    chunk = decoder.placement.chunk_size
    for length in (512,) if bench.is_quick else (512, 4096):
        ids = [n % 200 + 3 for n in range(length)]
        slab = Slab(decoder, length + 8, length + 8)
        slab.reserve(length)

        def read(ids: Sequence[int] = ids, slab: Slab = slab) -> None:
            slab.truncate(0)
            for start in range(0, len(ids), chunk):
                slab.read(ids[start : start + chunk])

        read_s = bench.seconds(read, 1 if bench.is_quick else 3)
        least_s = 2 * shape.weights_read * length / bench.limits.operations_per_s
        yield Row(name, f"prefill {length:,}", "chatterm", length / read_s, "tok/s", least_s / read_s)
        if length == 512:
            yield Row(name, "first token after 512", "chatterm", 1e3 * read_s, "ms")


def kernel_row(name: str, decoder: Decoder) -> Iterator[Row]:
    """Count the kernels of one pass."""
    if decoder.placement.device.type != "cuda":
        return
    slab = slab_of(decoder, 64, 8)
    slab.read([5])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        slab.read([6])
        torch.cuda.synchronize()
    count = sum(event.count for event in profile.key_averages() if "emcpy" not in event.key)
    yield Row(name, "kernels a pass", "chatterm", count, "")


def graph_row(bench: Bench, name: str, shape: Shape, contender: str, decoder: Decoder) -> Iterator[Row]:
    """Time one pass of a baseline, sampling left out, as one CUDA graph."""
    if bench.device.type != "cuda":
        return
    slab = slab_of(decoder, BASELINE_CONTEXT, 8)
    segments = [Segment(slab.tensors, BASELINE_CONTEXT, 1)]
    decoder.turns(BASELINE_CONTEXT + 8)
    x = torch.randn(1, shape.width, device=bench.device)

    def step() -> None:
        stream = x.clone()
        decoder.read_layers(stream, segments)
        decoder.logits(stream, segments, is_last_only=True)

    side = torch.cuda.Stream(bench.device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    step_s = bench.seconds(graph.replay, 20)
    yield Row(name, f"decode, n=1, context {BASELINE_CONTEXT:,}", contender, 1 / step_s, "tok/s")


def transformers_row(bench: Bench, name: str, shape: Shape) -> Iterator[Row]:
    """Time transformers' `generate` with a static cache: as fast as it goes without compiling."""
    if find_spec("transformers") is None:
        return
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab_size, hidden_size=shape.width, intermediate_size=shape.ffn,
        num_hidden_layers=shape.num_layers, num_attention_heads=shape.num_heads,
        num_key_value_heads=shape.num_kv_heads, head_dim=shape.head_length,
        max_position_embeddings=32_768, tie_word_embeddings=shape.is_head_tied,
    )  # fmt: skip
    with torch.device(bench.device):
        model = LlamaForCausalLM(config).bfloat16().eval()
    ids = torch.randint(3, 200, (1, BASELINE_CONTEXT), device=bench.device)
    steps = 4 if bench.is_quick else NUM_STEPS

    def write(count: int) -> None:
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, min_new_tokens=count,
            do_sample=False, pad_token_id=0,
        )  # fmt: skip

    more = bench.seconds(lambda: write(steps + 1), 2) - bench.seconds(lambda: write(1), 2)
    measure = f"decode, n=1, context {BASELINE_CONTEXT:,}"
    yield Row(name, measure, "transformers generate, bf16", steps / more, "tok/s")


def shape_rows(bench: Bench, name: str) -> Iterator[Row]:
    shape, device = SHAPES[name], bench.device
    from chatterm.engine.local.gpu.kernels import GpuKernels
    from chatterm.engine.local.gpu.products import bytes_read

    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    kernels = GpuKernels.on(device)
    placement = Placement(device, dtype, keeps_packed=device.type == "cuda", kernels=kernels)
    if device.type == "cuda":
        free()
    begun = time.perf_counter()
    decoder = random_decoder(shape, placement)
    gpu = decoder.gpu
    assert gpu is not None
    yield Row(name, "made and packed", "chatterm", time.perf_counter() - begun, "s")
    weight_bytes = sum(bytes_read(part) for part in gpu.matrices_read)
    yield Row(name, "weights read a token", "chatterm", weight_bytes / 1e9, "GB")
    yield from decode_rows(bench, name, shape, decoder, weight_bytes)
    yield from prefill_rows(bench, name, shape, decoder)
    yield from kernel_row(name, decoder)
    if device.type == "cuda":
        yield Row(name, "peak memory", "chatterm", torch.cuda.max_memory_allocated(device) / 1e9, "GB")
    del decoder, gpu
    yield from baseline_rows(bench, name, shape)


def baseline_rows(bench: Bench, name: str, shape: Shape) -> Iterator[Row]:
    if bench.device.type != "cuda":
        return
    free()
    packed = Placement(bench.device, torch.bfloat16, keeps_packed=True)
    yield from graph_row(bench, name, shape, "torch int4 + graph", random_decoder(shape, packed))
    free()
    if 2 * shape.weights_read > DENSE_LIMIT:
        return
    dense = Placement(bench.device, torch.bfloat16, keeps_packed=False)
    yield from graph_row(
        bench, name, shape, "bf16 cuBLAS + graph", random_decoder(shape, dense, is_dense=True)
    )
    free()
    yield from transformers_row(bench, name, shape)
    free()


def free() -> None:
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", default="1B,3B,8B,32B")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="a try: few steps, one context")
    parser.add_argument("--keep", action="store_true", help="write the table into results/")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.index is not None:
        torch.cuda.set_device(device)
    bench = Bench(device, is_quick=options.quick)
    rows: list[Row] = []
    for name in options.shapes.split(","):
        for row in shape_rows(bench, name):
            rows.append(row)
            print(f"  {row.shape} {row.measure} {row.contender}: {row.value:.4g} {row.unit}", file=sys.stderr)
    facts = {
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else "none (interpreter)",
        "copy bandwidth": f"{bench.limits.bytes_per_s / 1e12:.2f} TB/s",
        "bf16 matrix product": f"{bench.limits.operations_per_s / 1e12:.0f} TFLOP/s",
        "weights": "random, Q4_0 (4.5 bits), drawn on the spot",
        "command": " ".join(["python", "benchmarks/gpu.py", *sys.argv[1:]]),
    }
    cells = [
        {
            "shape": row.shape,
            "measure": row.measure,
            "contender": row.contender,
            "value": f"{row.value:.4g} {row.unit}",
            "of the roofline": "" if row.roofline is None else f"{row.roofline:.0%}",
        }
        for row in rows
    ]
    plain = [asdict(row) for row in rows]
    write_table("gpu", "Decoding and reading on a GPU", cells, plain, facts, is_kept=options.keep)


if __name__ == "__main__":
    main()
