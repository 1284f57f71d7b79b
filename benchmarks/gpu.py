"""How fast a GPU decodes and reads, as tokens a second and as shares of what its memory and cores allow.

    python benchmarks/gpu.py [--shapes 8B,1B,3B,32B] [--device cuda] [--quick] [--minutes 7.5]

Models of known shapes with random 4-bit weights are made on the device (gpu_shapes.py). First the bandwidth
of a copy and the rate of a bf16 matrix product are measured; then for each shape decoding at several lengths
of context, alone and with 4, 8 and 16 replies at once, reading prompts of 512 and 4,096 tokens, the first
token after 512, memory, and kernels a pass. Beside them in the same run, at a context of 1,000: the same
decoder by torch's operations in a CUDA graph, with its int4 products and with bf16 weights and cuBLAS, and
transformers' `generate` (bf16). The share of the roofline is of the time that reading weights and cache once
would take. What fails or has no time left is a line that says why: after `--minutes` the table is written,
into results/ on a GPU, whatever is missing. --quick measures the first context and prompt, and one batch.
Needs torch, Triton, numpy, tokenizers and safetensors; transformers only for its own line.
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any  # transformers has no types

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.gpu_measures import (
    DRY,
    FULL,
    QUICK,
    Limits,
    Plan,
    Subject,
    decode_rows,
    kernel_row,
    measure_limits,
    prefill_rows,
    seconds,
)
from benchmarks.gpu_shapes import SHAPES, Shape, random_decoder
from benchmarks.gpu_table import Clock, Row, Table, end_after
from benchmarks.measuring import version_of
from chatterm.engine.local.decoder.linear import Placement

MINUTES = 7.5
_GRACE_S = 15
"""What a step under way may take beyond its time."""
_DENSE_LIMIT = 20e9
"""Bytes: weights beyond this are not made in bf16."""
_INT4_BYTES = 20 / 32
"""Of a weight in torch's int4 products: half a byte, and a scale and a zero of 16 bits for 32."""
_HASTE = 2
"""A contender may take so many times its share: most need less, and the first compiles for all."""
OURS = "chatterm"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how much is measured."""

    device: torch.device
    limits: Limits
    plan: Plan

    @property
    def is_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def one(self) -> Plan:
        """What is measured of those beside us."""
        return replace(self.plan, contexts=(self.plan.batch_context,), batches=(), prompts=())


def our_rows(bench: Bench, name: str, clock: Clock) -> Iterator[Row]:
    """Yield what the GPU's kernels do."""
    from chatterm.engine.local.gpu.kernels import GpuKernels
    from chatterm.engine.local.gpu.products import bytes_read

    shape, device = SHAPES[name], bench.device
    dtype = torch.bfloat16 if bench.is_gpu else torch.float32
    kernels = GpuKernels.on(device)
    begun = time.perf_counter()
    decoder = random_decoder(shape, Placement(device, dtype, keeps_packed=bench.is_gpu, kernels=kernels))
    assert decoder.gpu is not None
    ours = Subject(name, shape, OURS, decoder)
    yield ours.row("made and packed", time.perf_counter() - begun, "s")
    weight_bytes = sum(bytes_read(part) for part in decoder.gpu.matrices_read)
    yield ours.row("weights read a token", weight_bytes / 1e9, "GB")
    yield from decode_rows(ours, bench.limits, bench.plan, clock, weight_bytes=weight_bytes)
    yield from prefill_rows(ours, bench.limits, bench.plan, clock)
    if bench.is_gpu:
        yield ours.row("peak memory", torch.cuda.max_memory_allocated(device) / 1e9, "GB")
        yield kernel_row(ours)


def int4_rows(bench: Bench, name: str, clock: Clock) -> Iterator[Row]:
    """Yield what torch's int4 products do (tinygemm on CUDA)."""
    decoder = random_decoder(SHAPES[name], Placement(bench.device, torch.bfloat16, keeps_packed=True))
    yield from _torch_rows(
        bench, Subject(name, SHAPES[name], "torch int4 + graph", decoder), _INT4_BYTES, clock
    )


def dense_rows(bench: Bench, name: str, clock: Clock) -> Iterator[Row]:
    """Yield what cuBLAS does with bf16 weights."""
    _check_dense(SHAPES[name])
    placement = Placement(bench.device, torch.bfloat16, keeps_packed=False)
    decoder = random_decoder(SHAPES[name], placement, is_dense=True)
    yield from _torch_rows(bench, Subject(name, SHAPES[name], "bf16 cuBLAS + graph", decoder), 2, clock)


def _torch_rows(bench: Bench, subject: Subject, bytes_a_weight: float, clock: Clock) -> Iterator[Row]:
    weight_bytes = bytes_a_weight * subject.shape.weights_read
    yield from decode_rows(subject, bench.limits, bench.one, clock, weight_bytes=weight_bytes)


def transformers_rows(bench: Bench, name: str, clock: Clock) -> Iterator[Row]:
    """Yield what transformers' `generate` does, as fast as it goes without compiling."""
    _check_dense(SHAPES[name])
    if find_spec("transformers") is None:
        raise ModuleNotFoundError("transformers is not installed")
    model = _transformers_model(SHAPES[name], bench.device)
    context, steps = bench.plan.batch_context, bench.plan.num_steps
    ids = torch.randint(3, 200, (1, context), device=bench.device)

    def write(count: int) -> None:
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, min_new_tokens=count,
            do_sample=False, pad_token_id=0,
        )  # fmt: skip

    clock.check()
    times = [seconds(partial(write, count), bench.device, 2, clock) for count in (1, steps + 1)]
    measure = f"decode, n=1, context {context:,}"
    yield Row(name, measure, "transformers generate, bf16", steps / (times[1] - times[0]), "tok/s")


def _transformers_model(shape: Shape, device: torch.device) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab_size, hidden_size=shape.width, intermediate_size=shape.ffn,
        num_hidden_layers=shape.num_layers, num_attention_heads=shape.num_heads,
        num_key_value_heads=shape.num_kv_heads, head_dim=shape.head_length,
        max_position_embeddings=32_768, tie_word_embeddings=shape.is_head_tied,
    )  # fmt: skip
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)  # else it is made in fp32 first, which takes twice the memory
    try:
        with torch.device(device):
            return LlamaForCausalLM(config).eval()
    finally:
        torch.set_default_dtype(before)


def _check_dense(shape: Shape) -> None:
    if 2 * shape.weights_read > _DENSE_LIMIT:
        raise ValueError(f"weights of {2 * shape.weights_read / 1e9:.0f} GB in bf16 are not made")


CONTENDERS: Mapping[str, tuple[Callable[[Bench, str, Clock], Iterator[Row]], int]] = {
    OURS: (our_rows, 5),
    "torch int4 + graph": (int4_rows, 1),
    "bf16 cuBLAS + graph": (dense_rows, 1),
    "transformers generate, bf16": (transformers_rows, 1),
}
"""How each is measured, and its share of the time."""


def fill(table: Table, bench: Bench, names: list[str], clock: Clock) -> None:
    """Measure everything there is time for: what is not used of a share is left to those that follow."""
    pairs = [(name, contender) for name in names for contender in CONTENDERS]
    while pairs:
        left = sum(CONTENDERS[contender][1] for _, contender in pairs)
        name, contender = pairs.pop(0)
        rows, weight = CONTENDERS[contender]
        table.take(name, contender, _if_time(rows, bench, name, clock.part(min(1.0, _HASTE * weight / left))))
        free(bench)


def _if_time(
    rows: Callable[[Bench, str, Clock], Iterator[Row]], bench: Bench, name: str, clock: Clock
) -> Iterator[Row]:
    clock.check()
    yield from rows(bench, name, clock)


def free(bench: Bench) -> None:
    gc.collect()
    if bench.is_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def facts_of(bench: Bench) -> dict[str, str]:
    return {
        "gpu": torch.cuda.get_device_name(bench.device) if bench.is_gpu else "none (interpreter)",
        "triton": version_of("triton"),
        "copy bandwidth": f"{bench.limits.bytes_per_s / 1e12:.2f} TB/s",
        "bf16 matrix product": f"{bench.limits.operations_per_s / 1e12:.0f} TFLOP/s",
        "weights": "random, Q4_0 (4.5 bits), drawn on the spot",
        "command": " ".join(["python", "benchmarks/gpu.py", *sys.argv[1:]]),
    }


@torch.inference_mode()
def measure(options: argparse.Namespace) -> None:
    """Measure, and write the table."""
    clock = Clock(60 * options.minutes)
    device = torch.device(options.device)
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)
    plan = DRY if device.type != "cuda" else QUICK if options.quick else FULL
    bench = Bench(device, measure_limits(device), plan)
    table = Table()
    is_kept = options.keep or bench.is_gpu
    write = partial(table.write, facts_of(bench), is_kept=is_kept)
    timer = end_after(clock.left + _GRACE_S, write)
    try:
        fill(table, bench, options.shapes.split(","), clock)
    finally:
        timer.cancel()
        write()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", default="8B,1B,3B,32B")
    parser.add_argument("--device", default="cuda", help="cpu: a dry run in Triton's interpreter")
    parser.add_argument("--quick", action="store_true", help="one context, one batch, few steps")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="the table is written after so many")
    parser.add_argument("--keep", action="store_true", help="write a dry run into results/, too")
    options = parser.parse_args()
    if options.device == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is defined
    measure(options)


if __name__ == "__main__":
    main()
