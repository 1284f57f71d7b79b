"""The 4-bit codes of GPTQ and AWQ checkpoints, rearranged into Q4_1 blocks: the codes stay what they are.

Both hold w = scale (q - zero) with a scale and a zero for each output and group of inputs; Q4_1 holds
w = d q + m, so d = scale and m = -scale zero, rounded to fp16. Formats: GPTQ's is that of AutoGPTQ's
`QuantLinear` (and GPTQModel's, whose version 2 stores zeros as they are), AWQ's that of AutoAWQ's
`WQLinear_GEMM`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from chatterm.errors import BadModelFile
from chatterm.models.checkpoint_packing import BLOCK, Layout

_AWQ_ORDER = (0, 4, 1, 5, 2, 6, 3, 7)
"""Which four bits of an int32, from the lowest, hold each of its eight columns: the inverse of AutoAWQ's
`order_map` 0, 2, 4, 6, 1, 3, 5, 7."""


@dataclass(frozen=True, slots=True)
class GroupedCodes:
    """A matrix as codes with a scale and a zero for each group of a row: w = scale (code - zero)."""

    codes: Tensor
    """uint8 (rows, columns), 0 to 15."""
    scales: Tensor
    """fp32 (rows, groups)."""
    zeros: Tensor
    """fp32 (rows, groups)."""

    @classmethod
    def read(
        cls, layout: Layout, parts: Mapping[str, Tensor], shape: tuple[int, int], where: str
    ) -> "GroupedCodes":
        """Unpack a matrix of (rows, columns) = (outputs, inputs).

        `parts` are the stored tensors by `.qweight`, `.qzeros`, `.scales`, `.g_idx`. Raises BadModelFile,
        naming `where`, for absent parts, other shapes, and groups that are scattered over the columns.
        """
        rows, columns = shape
        group = columns if layout.group_size == -1 else layout.group_size
        if columns % group or columns % BLOCK or rows % 8:
            raise BadModelFile(f"{where} of {rows} x {columns} cannot have groups of {group}; fetch it again")
        groups = columns // group
        packed = (columns // 8, rows) if layout.method == "gptq" else (columns, rows // 8)
        expected = {".qweight": packed, ".qzeros": (groups, rows // 8), ".scales": (groups, rows)}
        for name, size in expected.items():
            found = parts.get(name)
            if found is None or found.shape != size or found.is_floating_point() != (name == ".scales"):
                what = "absent" if found is None else f"{tuple(found.shape)} of {found.dtype}"
                raise BadModelFile(f"{where}: its part {name[1:]} should be {size}, but is {what}")
        _check_order(parts.get(".g_idx"), columns, group, where)
        unpack_columns = _unpack_awq if layout.method == "awq" else _unpack
        codes = (
            _unpack(parts[".qweight"].t())
            if layout.method == "gptq"
            else unpack_columns(parts[".qweight"]).t()
        )
        zeros = unpack_columns(parts[".qzeros"]).t().float() + layout.zero_offset
        return cls(codes, parts[".scales"].t().float(), zeros)

    def blocks(self) -> Tensor:
        """Return Q4_1 blocks: uint8 (rows, columns / 32, 20)."""
        rows, columns = self.codes.shape
        repeats = columns // self.scales.shape[1] // BLOCK
        codes = self.codes.reshape(rows, -1, BLOCK)
        blocks = torch.empty(rows, columns // BLOCK, 20, dtype=torch.uint8)
        for start, values in ((0, self.scales), (2, -self.scales * self.zeros)):
            halves = values.repeat_interleave(repeats, 1).half().unsqueeze(-1)
            blocks[..., start : start + 2] = halves.contiguous().view(torch.uint8)
        torch.bitwise_or(codes[..., :16], codes[..., 16:] << 4, out=blocks[..., 4:])
        return blocks


def _check_order(g_idx: Tensor | None, columns: int, group: int, where: str) -> None:
    """Raises BadModelFile where GPTQ's `g_idx` scatters the groups (`desc_act`): no block type has that."""
    if g_idx is None:
        return
    if g_idx.shape != (columns,) or not torch.equal(g_idx.long(), torch.arange(columns) // group):
        raise BadModelFile(
            f"{where} has its groups scattered over the columns (desc_act, act-order), which chatterm cannot"
            " keep packed; choose a form of the model without it, or a GGUF file"
        )


def _unpack(packed: Tensor) -> Tensor:
    """Turn int32 (n, m) into codes, uint8 (n, 8 m): the lowest four bits first."""
    shifts = torch.arange(0, 32, 4, dtype=torch.int32)
    return ((packed.int().unsqueeze(-1) >> shifts) & 15).to(torch.uint8).flatten(1)


def _unpack_awq(packed: Tensor) -> Tensor:
    """Turn int32 (n, m) into codes, uint8 (n, 8 m), in AWQ's order."""
    codes = _unpack(packed).view(*packed.shape, 8)
    return codes[..., list(_AWQ_ORDER)].flatten(1)
