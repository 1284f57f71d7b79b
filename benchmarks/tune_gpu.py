"""Finds the shapes of blocks with which the product kernels run fastest on this GPU, for a table.

    python benchmarks/tune_gpu.py [--shapes 1B,3B,8B,32B] [--formats Q4_K,Q6_K,Q8_0] [--write]

For each matrix of the shapes (gpu_shapes.py) and each block type every shape of blocks is timed: launches
over several copies of the matrix, more than the cache holds, in one CUDA graph. With --write the fastest go
into chatterm/engine/local/gpu/tunings.json, under the compute capability; nothing is tuned at run time.
"""

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from triton.runtime.errors import TritonError

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.gpu_shapes import SHAPES, random_tensor
from chatterm.engine.local.gpu.matrices import GpuMatrix, pack_matrices
from chatterm.engine.local.gpu.products import Around, Products
from chatterm.engine.local.gpu.tuning import TABLE, Key, Tuning
from chatterm.engine.local.weights.packed_types import CODE_FORMATS
from chatterm.engine.local.weights.tensors import BlockTensor
from chatterm.models.block_types import BlockType

ONE_ROW = [
    (rows, groups, warps, stages)
    for rows, groups, warps, stages in itertools.product((4, 8, 16, 32), (8, 16, 32, 64), (4, 8), (1, 3, 4))
    if 32 * warps <= rows * groups <= 2 * 32 * warps
]
"""Block rows, block groups, warps, stages: one or two groups of 16 bytes a thread."""
FEW_ROWS = list(itertools.product((16, 32, 64), (4, 8), (4, 8), (2, 3)))
"""Block rows, block groups, warps, stages."""
CACHE_BYTES = 300e6
"""More than any GPU's cache holds."""


def matrices_of(kind: BlockType, outputs: int, columns: int, device: torch.device) -> list[GpuMatrix]:
    """Return enough matrices that none is in the cache when its turn comes."""
    drawn = random_tensor(outputs, columns, 0)
    blocks = torch.randint(0, 256, (outputs, columns // kind.block_size, kind.type_size), dtype=torch.uint8)
    tensor = drawn if kind is drawn.block_type else BlockTensor("random", kind, blocks)
    (first,) = pack_matrices([tensor], device)
    count = max(2, int(CACHE_BYTES / first.codes.nbytes))
    return [first, *(pack_matrices([tensor], device)[0] for _ in range(count - 1))]


def microseconds(run: Callable[[], object], launches: int) -> float:
    """Return the time of one launch, of `launches` in a CUDA graph."""
    run()  # compiles
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    times = []
    for _ in range(5):
        begun = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        ended = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        begun.record()
        graph.replay()
        ended.record()
        torch.cuda.synchronize()
        times.append(float(begun.elapsed_time(ended)) * 1e3 / launches)
    return statistics.median(times)


def timed(matrices: Sequence[GpuMatrix], num_x: int, gated: bool, tuning: Tuning) -> float:
    """Return microseconds of a product with the shapes of `tuning`."""
    matrix = matrices[0]
    products = Products(matrix.codes.device, is_identical=num_x > 1, tuning=tuning)
    x = torch.randn(num_x, matrix.num_columns, device=matrix.codes.device)
    out = torch.empty(num_x, matrix.num_rows, device=matrix.codes.device)
    around = Around(gate="silu" if gated else None)

    def run() -> None:
        for one in matrices:
            products.multiply(one, x, out, around)

    return microseconds(run, len(matrices))


def best(matrices: Sequence[GpuMatrix], num_x: int, gated: bool) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Yield the time of each shape of blocks that runs."""
    form = matrices[0].format
    outputs = matrices[0].num_rows // (2 if gated else 1)
    key = str(Key(num_x, outputs, matrices[0].num_columns, form.bits + form.num_planes))
    for shape in ONE_ROW if num_x == 1 else FEW_ROWS:
        try:
            yield timed(matrices, num_x, gated, Tuning(1, {key: shape})), shape
        except (RuntimeError, ValueError, TritonError) as error:  # too much shared memory, too many registers
            print(f"  {key} {shape}: {type(error).__name__}", file=sys.stderr)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", default="1B,3B,8B,32B")
    parser.add_argument("--formats", default="Q4_K,Q6_K,Q8_0")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    device = torch.device("cuda", torch.cuda.current_device())
    found: dict[str, list[int]] = {}
    for kind in (BlockType[name] for name in options.formats.split(",")):
        shapes = [SHAPES[name] for name in options.shapes.split(",")]
        sizes = {(size, index == 2) for shape in shapes for index, size in enumerate(shape.matrices)}
        sizes |= {((shape.vocab_size, shape.width), False) for shape in shapes}
        for (rows, columns), gated in sorted(sizes):
            matrices = matrices_of(kind, rows, columns, device)
            for num_x in (1, 16):
                time_us, best_shape = min(best(matrices, num_x, gated))
                form = CODE_FORMATS[kind]
                outputs = rows // (2 if gated else 1)
                found[str(Key(num_x, outputs, columns, form.bits + form.num_planes))] = list(best_shape)
                rate = rows * columns * form.group_bytes / 32 / time_us / 1e6
                print(
                    f"{kind.name} {rows}x{columns} n={num_x}: {best_shape} {time_us:.1f} us, {rate:.2f} TB/s"
                )
    if options.write:
        tables = json.loads(TABLE.read_text())
        major, minor = torch.cuda.get_device_capability(device)
        tables.setdefault(f"{major}.{minor}", {}).update(found)
        TABLE.write_text(json.dumps(tables, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
