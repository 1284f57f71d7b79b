"""Triton kernels that read packed codes, as `matrices` lays them."""

import triton
import triton.language as tl


@triton.jit
def halves_of(
    codes, planes, at, is_there, plane_size, BITS: tl.constexpr, PLANES: tl.constexpr, CENTRE: tl.constexpr
):
    """Return fp32 (..., 16) twice: the values of both halves of the groups `at`, exact."""
    j = tl.arange(0, 16)
    at3 = tl.expand_dims(at, -1)
    there3 = tl.expand_dims(is_there, -1)
    if BITS == 4:
        packed = tl.load(codes + at3 * 16 + j, mask=there3, other=0).to(tl.int32)
        first = packed & 15
        rest = packed >> 4
        for plane in tl.static_range(PLANES):
            bits = tl.expand_dims(tl.load(planes + plane * plane_size + at, mask=is_there, other=0), -1)
            first = first | ((bits >> j) & 1) << (4 + plane)
            rest = rest | ((bits >> (j + 16)) & 1) << (4 + plane)
        # 2^23 + code as the bits of a float: an integer becomes a number without a conversion.
        first_value = (first | 0x4B000000).to(tl.float32, bitcast=True) - (8388608.0 + CENTRE)
        rest_value = (rest | 0x4B000000).to(tl.float32, bitcast=True) - (8388608.0 + CENTRE)
    else:
        first_value = tl.load(codes + at3 * 32 + j, mask=there3, other=0).to(tl.float32)
        rest_value = tl.load(codes + at3 * 32 + 16 + j, mask=there3, other=0).to(tl.float32)
    return first_value, rest_value


@triton.jit
def _weights(
    codes, planes, scales, minima, at, is_there, plane_size,
    BITS: tl.constexpr, PLANES: tl.constexpr, CENTRE: tl.constexpr, SCALES: tl.constexpr,
    MINIMA: tl.constexpr,
):  # fmt: skip
    """Return fp32 (..., 16) twice: the weights of both halves of the groups `at`."""
    first, rest = halves_of(codes, planes, at, is_there, plane_size, BITS, PLANES, CENTRE)
    if SCALES > 0:
        last = (SCALES - 1) * plane_size
        first *= tl.expand_dims(tl.load(scales + at, mask=is_there, other=0.0).to(tl.float32), -1)
        rest *= tl.expand_dims(tl.load(scales + last + at, mask=is_there, other=0.0).to(tl.float32), -1)
        if MINIMA:
            first += tl.expand_dims(tl.load(minima + at, mask=is_there, other=0.0).to(tl.float32), -1)
            rest += tl.expand_dims(tl.load(minima + last + at, mask=is_there, other=0.0).to(tl.float32), -1)
    return first, rest


@triton.jit
def embed(
    ids, codes, planes, scales, minima, out, num_rows, num_groups, factor,
    BITS: tl.constexpr, PLANES: tl.constexpr, CENTRE: tl.constexpr, SCALES: tl.constexpr,
    MINIMA: tl.constexpr, BLOCK_GROUPS: tl.constexpr,
):  # fmt: skip
    """Write the matrix's row of each id, times `factor`, as fp32 (ids, columns)."""
    place = tl.program_id(0)
    groups = tl.program_id(1) * BLOCK_GROUPS + tl.arange(0, BLOCK_GROUPS)
    is_group = groups < num_groups
    plane_size = num_groups * num_rows
    at = groups.to(tl.int64) * num_rows + tl.load(ids + place)
    first, rest = _weights(
        codes, planes, scales, minima, at, is_group, plane_size, BITS, PLANES, CENTRE, SCALES, MINIMA
    )
    out_at = place * num_groups * 32 + tl.expand_dims(groups * 32, 1) + tl.expand_dims(tl.arange(0, 16), 0)
    tl.store(out + out_at, first * factor, mask=tl.expand_dims(is_group, 1))
    tl.store(out + out_at + 16, rest * factor, mask=tl.expand_dims(is_group, 1))


@triton.jit
def unpack(
    codes, planes, scales, minima, out, num_rows, num_groups, first_row, end_row,
    BITS: tl.constexpr, PLANES: tl.constexpr, CENTRE: tl.constexpr, SCALES: tl.constexpr,
    MINIMA: tl.constexpr, BLOCK_ROWS: tl.constexpr, BLOCK_GROUPS: tl.constexpr,
):  # fmt: skip
    """Write the weights of some rows as (rows, columns), in the dtype of `out`."""
    rows = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS) + first_row
    groups = tl.program_id(1) * BLOCK_GROUPS + tl.arange(0, BLOCK_GROUPS)
    is_there = tl.expand_dims(rows < end_row, 0) & tl.expand_dims(groups < num_groups, 1)
    at = tl.expand_dims(groups, 1).to(tl.int64) * num_rows + tl.expand_dims(rows, 0)
    first, rest = _weights(
        codes, planes, scales, minima, at, is_there, num_groups * num_rows,
        BITS, PLANES, CENTRE, SCALES, MINIMA,
    )  # fmt: skip
    out_at = tl.expand_dims(rows - first_row, 0).to(tl.int64) * (num_groups * 32) + tl.expand_dims(
        groups * 32, 1
    )
    out_at = tl.expand_dims(out_at, 2) + tl.arange(0, 16)
    tl.store(out + out_at, first.to(out.dtype.element_ty), mask=tl.expand_dims(is_there, 2))
    tl.store(out + out_at + 16, rest.to(out.dtype.element_ty), mask=tl.expand_dims(is_there, 2))
