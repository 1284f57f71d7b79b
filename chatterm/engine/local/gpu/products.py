"""The product kernels as functions of tensors: which kernel, in which shape.

Shapes of blocks come from a table by (compute capability, rows, columns), made by a script
(`benchmarks/tune_gpu.py`); where it has no entry, from a rule. Nothing is tuned at run time.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
import triton
import triton.language as tl
from torch import Tensor

from chatterm.engine.local.gpu import code_kernels
from chatterm.engine.local.gpu import product_kernels as kernels
from chatterm.engine.local.gpu.matrices import GpuMatrix
from chatterm.engine.local.gpu.tuning import FewRows, OneRow, Tuning
from chatterm.engine.local.weights.packed_types import CodeFormat
from chatterm.models.arch_spec import Activation

MOST_ROWS = 16
"""Of x in one product by these kernels."""

_GATES: dict[Activation, int] = {"silu": 1, "gelu_tanh": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is done before and after a product."""

    norm: Tensor | None = None
    """fp32 (columns,): x is normed and multiplied by it first."""
    epsilon: float = 0.0
    bias: Tensor | None = None
    """fp32 (outputs,)."""
    gate: Activation | None = None
    """The matrix has the gate's rows, then as many others: outputs are f(gate) * other."""
    factor: float = 1.0
    cap: float | None = None
    """c: c tanh(y / c)."""
    adds: bool = False
    """To what is there."""

    def with_bias(self, bias: Tensor | None) -> Self:
        return self if bias is self.bias else replace(self, bias=bias)


class Products:
    """Runs products on one device."""

    def __init__(
        self, device: torch.device, *, is_identical: bool = False, tuning: Tuning | None = None
    ) -> None:
        """`is_identical`: an x's outputs are the same to the bit, alone or among others.

        `tuning` None: the device's own table.
        """
        self.device = device
        self._tuning = tuning or _tuning_of(device)
        self.is_identical = is_identical

    def multiply(self, matrix: GpuMatrix, x: Tensor, out: Tensor, around: Around) -> None:
        """Write f(x W^T) into `out`, fp32 (n, outputs) with any stride of rows; x is fp32 (n, columns)."""
        outputs = matrix.num_rows // 2 if around.gate else matrix.num_rows
        none = matrix.scales
        arguments = (
            x, none if around.norm is None else around.norm,
            matrix.codes, matrix.planes, matrix.scales, matrix.minima,
            none if around.bias is None else around.bias, out,
            matrix.num_rows, outputs, matrix.num_groups,
            around.epsilon, around.factor, around.cap or 0.0,
        )  # fmt: skip
        flags = form_flags(matrix.format) | {
            "NORM": around.norm is not None,
            "BIAS": around.bias is not None,
            "CAP": around.cap is not None,
            "GATE": _GATES[around.gate] if around.gate else 0,
            "ADD": around.adds,
        }
        if len(x) == 1 and not self.is_identical:
            one = self._tuning.one_row(outputs, matrix.num_columns, matrix.format)
            self._run_one(one, outputs, arguments, flags)
        else:
            few = self._tuning.few_rows(outputs, matrix.num_columns, matrix.format)
            self._run_few(few, outputs, (*arguments, len(x), out.stride(0)), flags)

    def _run_one(
        self, shape: OneRow, outputs: int, arguments: tuple[object, ...], flags: dict[str, int]
    ) -> None:
        kernels.one_row[(triton.cdiv(outputs, shape.block_rows),)](
            *arguments,
            **flags,
            BLOCK_ROWS=shape.block_rows,
            BLOCK_GROUPS=shape.block_groups,
            STAGES=shape.num_stages,
            num_warps=shape.num_warps,
        )

    def _run_few(
        self, shape: FewRows, outputs: int, arguments: tuple[object, ...], flags: dict[str, int]
    ) -> None:
        kernels.few_rows[(triton.cdiv(outputs, shape.block_rows),)](
            *arguments,
            **flags,
            BLOCK_ROWS=shape.block_rows,
            BLOCK_GROUPS=shape.block_groups,
            DOT=dot_dtype(),
            num_warps=shape.num_warps,
            num_stages=shape.num_stages,
        )


def dot_dtype() -> tl.dtype:
    """Return what matrix products take: bf16, which Triton's interpreter cannot multiply."""
    return tl.float32 if triton.knobs.runtime.interpret else tl.bfloat16


def form_flags(form: CodeFormat) -> dict[str, int]:
    """Return how a format's codes lie, as the kernels are told."""
    return {
        "BITS": form.bits,
        "PLANES": form.num_planes,
        "CENTRE": form.centre,
        "SCALES": form.num_scales if form.bits <= 8 else 0,
        "MINIMA": form.has_minima,
    }


def embed(matrix: GpuMatrix, ids: Tensor, out: Tensor, factor: float) -> None:
    """Write the rows of `ids`, int64 (n,), times `factor` into fp32 (n, columns)."""
    block = 32
    code_kernels.embed[(len(ids), triton.cdiv(matrix.num_groups, block))](
        ids, matrix.codes, matrix.planes, matrix.scales, matrix.minima, out,
        matrix.num_rows, matrix.num_groups, factor,
        **form_flags(matrix.format), BLOCK_GROUPS=block,
    )  # fmt: skip


def unpacked(matrix: GpuMatrix, dtype: torch.dtype, rows: slice) -> Tensor:
    """Return the weights of some rows as (rows, columns)."""
    out = torch.empty(rows.stop - rows.start, matrix.num_columns, dtype=dtype, device=matrix.codes.device)
    block_rows, block_groups = 16, 16
    code_kernels.unpack[(triton.cdiv(len(out), block_rows), triton.cdiv(matrix.num_groups, block_groups))](
        matrix.codes, matrix.planes, matrix.scales, matrix.minima, out,
        matrix.num_rows, matrix.num_groups, rows.start, rows.stop,
        **form_flags(matrix.format), BLOCK_ROWS=block_rows, BLOCK_GROUPS=block_groups,
    )  # fmt: skip
    return out


def add_normed(y: Tensor, norm: Tensor, out: Tensor, epsilon: float, factor: float) -> None:
    """Add `factor` times the norm of each row of y, fp32 (n, width), to `out`."""
    width = y.shape[1]
    kernels.add_normed[(len(y),)](
        y, norm, out, width, epsilon, factor, BLOCK=triton.next_power_of_2(width), num_warps=8
    )


def gated(gate_up: Tensor, out: Tensor, activation: Activation) -> None:
    """Write f(gate) * up into fp32 (n, width) from fp32 (n, 2 width)."""
    width, block = out.shape[1], 1024
    kernels.gated[(triton.cdiv(width, block), len(out))](
        gate_up, out, width, GATE=_GATES[activation], BLOCK=block
    )


def bytes_read(matrix: GpuMatrix) -> int:
    """Return what one product reads of a matrix."""
    return sum(one.nbytes for one in (matrix.codes, matrix.planes, matrix.scales, matrix.minima))


def _tuning_of(device: torch.device) -> Tuning:
    """Return the table for a device, or for the interpreter."""
    if device.type != "cuda":
        return Tuning.of(None)
    capability = torch.cuda.get_device_capability(device)
    return Tuning.of(capability, torch.cuda.get_device_properties(device).multi_processor_count)
