"""Triton kernels of the products y = f(x W^T), weights packed as `matrices` has them.

A norm before a product, and what follows it (bias, gate, scale, cap, adding to the stream), are done on the
way. A norm's factor is one number a row, so it is applied to the products: sum(x^2) is gathered while x is
read. No atomics: a number is always summed in the same order. Sources: the layouts are ours; splitting
the columns among threads of a block is the usual way of a matrix-vector product (e.g. llama.cpp's mmvq).
"""

import triton
import triton.language as tl

from chatterm.engine.local.gpu.code_kernels import halves_of


@triton.jit
def activated(gate, GATE: tl.constexpr):
    """Return silu (1) or gelu with tanh (2); tanh(z) is 2 sigmoid(2z) - 1."""
    if GATE == 1:
        made = gate * tl.sigmoid(gate)
    else:
        inner = 0.7978845608028654 * (gate + 0.044715 * gate * gate * gate)
        made = gate * tl.sigmoid(2 * inner)
    return made


@triton.jit
def finished(
    y, bias, at, is_there, out, out_at, factor, cap, BIAS: tl.constexpr, CAP: tl.constexpr, ADD: tl.constexpr
):
    """Store f(y): bias, scale, cap, and what is in `out` already."""
    if BIAS:
        y += tl.load(bias + at, mask=is_there, other=0.0)
    y *= factor
    if CAP:
        y = cap * (2 * tl.sigmoid(2 * y / cap) - 1)
    if ADD:
        y += tl.load(out + out_at, mask=is_there, other=0.0)
    tl.store(out + out_at, y, mask=is_there)


@triton.jit
def _weighted(
    x_first, x_rest, codes, planes, scales, minima, at, is_there, plane_size,
    BITS: tl.constexpr, PLANES: tl.constexpr, CENTRE: tl.constexpr, SCALES: tl.constexpr,
    MINIMA: tl.constexpr,
):  # fmt: skip
    """Return fp32 (groups, rows): the share of some groups in the products of one x, (groups, 16) twice."""
    first, rest = halves_of(codes, planes, at, is_there, plane_size, BITS, PLANES, CENTRE)
    made_first = tl.sum(first * tl.expand_dims(x_first, 1), 2)
    made_rest = tl.sum(rest * tl.expand_dims(x_rest, 1), 2)
    if SCALES == 0:
        made = made_first + made_rest
    elif SCALES == 1:
        made = (made_first + made_rest) * tl.load(scales + at, mask=is_there, other=0.0).to(tl.float32)
    else:
        made = made_first * tl.load(scales + at, mask=is_there, other=0.0).to(tl.float32)
        made += made_rest * tl.load(scales + plane_size + at, mask=is_there, other=0.0).to(tl.float32)
    if MINIMA:
        sum_first = tl.expand_dims(tl.sum(x_first, 1), 1)
        sum_rest = tl.expand_dims(tl.sum(x_rest, 1), 1)
        if SCALES == 1:
            made += (sum_first + sum_rest) * tl.load(minima + at, mask=is_there, other=0.0).to(tl.float32)
        else:
            made += sum_first * tl.load(minima + at, mask=is_there, other=0.0).to(tl.float32)
            made += sum_rest * tl.load(minima + plane_size + at, mask=is_there, other=0.0).to(tl.float32)
    return made


@triton.jit
def one_row(
    x, norm, codes, planes, scales, minima, bias, out,
    num_rows, num_outputs, num_groups, epsilon, factor, cap,
    BITS: tl.constexpr, PLANES: tl.constexpr, CENTRE: tl.constexpr, SCALES: tl.constexpr,
    MINIMA: tl.constexpr, NORM: tl.constexpr, BIAS: tl.constexpr, CAP: tl.constexpr, GATE: tl.constexpr,
    ADD: tl.constexpr, BLOCK_ROWS: tl.constexpr, BLOCK_GROUPS: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """One x, fp32 (columns,): a program makes BLOCK_ROWS outputs, its threads BLOCK_GROUPS groups at once.

    STAGES - 1 such blocks are on their way from memory meanwhile. With GATE the matrix has the gate's rows,
    then as many others: f(gate) * other.
    """
    rows = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    is_row = rows < num_outputs
    j = tl.arange(0, 16)
    plane_size = num_groups * num_rows
    made = tl.zeros((BLOCK_GROUPS, BLOCK_ROWS), tl.float32)
    other = tl.zeros((BLOCK_GROUPS, BLOCK_ROWS), tl.float32)
    squares = tl.zeros((BLOCK_GROUPS, 16), tl.float32)
    for start in tl.range(0, num_groups, BLOCK_GROUPS, num_stages=STAGES):
        groups = start + tl.arange(0, BLOCK_GROUPS)
        is_group = tl.expand_dims(groups < num_groups, 1)
        x_at = tl.expand_dims(groups * 32, 1) + j
        x_first = tl.load(x + x_at, mask=is_group, other=0.0)
        x_rest = tl.load(x + x_at + 16, mask=is_group, other=0.0)
        if NORM:
            squares += x_first * x_first + x_rest * x_rest
            x_first *= tl.load(norm + x_at, mask=is_group, other=0.0)
            x_rest *= tl.load(norm + x_at + 16, mask=is_group, other=0.0)
        at = tl.expand_dims(groups, 1).to(tl.int64) * num_rows + tl.expand_dims(rows, 0)
        is_there = is_group & tl.expand_dims(is_row, 0)
        made += _weighted(
            x_first, x_rest, codes, planes, scales, minima, at, is_there, plane_size,
            BITS, PLANES, CENTRE, SCALES, MINIMA,
        )  # fmt: skip
        if GATE:
            other += _weighted(
                x_first, x_rest, codes, planes, scales, minima, at + num_outputs, is_there, plane_size,
                BITS, PLANES, CENTRE, SCALES, MINIMA,
            )  # fmt: skip
    y = tl.sum(made, 0)
    turned = 1.0
    if NORM:
        turned = tl.rsqrt(tl.sum(squares) / (num_groups * 32) + epsilon)
        y *= turned
    if GATE:
        y = activated(y, GATE) * (tl.sum(other, 0) * turned)
    finished(y, bias, rows, is_row, out, rows, factor, cap, BIAS, CAP, ADD)


@triton.jit
def _in_two(x, DOT: tl.constexpr):
    """Cut fp32 numbers into two of bf16, which together have 16 bits; as DOT, which the product takes."""
    high = x.to(tl.bfloat16)
    low = (x - high.to(tl.float32)).to(tl.bfloat16)
    return high.to(DOT), low.to(DOT)


@triton.jit
def _dot_half(x, values, BITS: tl.constexpr, DOT: tl.constexpr):
    """Return fp32 (groups, 16, rows): products of x (groups, 16, 16) and values (groups, rows, 16).

    Codes are exact in bf16.
    """
    high, low = _in_two(x, DOT)
    coarse, fine = _in_two(tl.permute(values, (0, 2, 1)), DOT)
    some = tl.dot(low, coarse, tl.dot(high, coarse))
    if BITS > 8:
        some = tl.dot(high, fine, some)
    return some


@triton.jit
def _of_group(numbers, at, is_there):
    """Load numbers (groups, rows) for products (groups, 16, rows)."""
    return tl.expand_dims(tl.load(numbers + at, mask=is_there, other=0.0).to(tl.float32), 1)


@triton.jit
def _dot(
    x_first, x_rest, codes, planes, scales, minima, at, is_there, plane_size,
    BITS: tl.constexpr, PLANES: tl.constexpr, CENTRE: tl.constexpr, SCALES: tl.constexpr,
    MINIMA: tl.constexpr, DOT: tl.constexpr,
):  # fmt: skip
    """Return fp32 (groups, 16, rows): the share of some groups in the products of 16 x.

    x are (groups, 16, 16) of each half.
    """
    first, rest = halves_of(codes, planes, at, is_there, plane_size, BITS, PLANES, CENTRE)
    made = _dot_half(x_first, first, BITS, DOT)
    made_rest = _dot_half(x_rest, rest, BITS, DOT)
    if SCALES == 2:
        made *= _of_group(scales, at, is_there)
        made += made_rest * _of_group(scales + plane_size, at, is_there)
    else:
        made += made_rest
    if SCALES == 1:
        made *= _of_group(scales, at, is_there)
    if MINIMA:
        last = (SCALES - 1) * plane_size
        made += tl.expand_dims(tl.sum(x_first, 2), 2) * _of_group(minima, at, is_there)
        made += tl.expand_dims(tl.sum(x_rest, 2), 2) * _of_group(minima + last, at, is_there)
    return made


# One kernel for any number of x: a row's bits must not depend on it.
@triton.jit(do_not_specialize=["num_x"])
def few_rows(
    x, norm, codes, planes, scales, minima, bias, out,
    num_rows, num_outputs, num_groups, epsilon, factor, cap, num_x, out_stride,
    BITS: tl.constexpr, PLANES: tl.constexpr, CENTRE: tl.constexpr, SCALES: tl.constexpr,
    MINIMA: tl.constexpr, NORM: tl.constexpr, BIAS: tl.constexpr, CAP: tl.constexpr, GATE: tl.constexpr,
    ADD: tl.constexpr, BLOCK_ROWS: tl.constexpr, BLOCK_GROUPS: tl.constexpr, DOT: tl.constexpr,
):  # fmt: skip
    """1 to 16 x, fp32 (num_x, columns): a program makes BLOCK_ROWS outputs of each.

    An x's outputs are the same to the bit however many others there are.
    """
    rows = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    is_row = rows < num_outputs
    which = tl.arange(0, 16)
    is_x = tl.expand_dims(which < num_x, 1)
    plane_size = num_groups * num_rows
    made = tl.zeros((BLOCK_GROUPS, 16, BLOCK_ROWS), tl.float32)
    other = tl.zeros((BLOCK_GROUPS, 16, BLOCK_ROWS), tl.float32)
    squares = tl.zeros((BLOCK_GROUPS, 16, 16), tl.float32)
    for start in range(0, num_groups, BLOCK_GROUPS):
        groups = start + tl.arange(0, BLOCK_GROUPS)
        is_group = tl.expand_dims(groups < num_groups, 1)
        columns = tl.expand_dims(tl.expand_dims(groups * 32, 1) + tl.arange(0, 16), 1)
        x_at = tl.expand_dims(tl.expand_dims(which, 1), 0) * (num_groups * 32) + columns
        is_there = tl.expand_dims(is_group, 2) & tl.expand_dims(is_x, 0)
        x_first = tl.load(x + x_at, mask=is_there, other=0.0)
        x_rest = tl.load(x + x_at + 16, mask=is_there, other=0.0)
        if NORM:
            squares += x_first * x_first + x_rest * x_rest
            x_first *= tl.load(norm + columns, mask=tl.expand_dims(is_group, 2), other=0.0)
            x_rest *= tl.load(norm + columns + 16, mask=tl.expand_dims(is_group, 2), other=0.0)
        at = tl.expand_dims(groups, 1).to(tl.int64) * num_rows + tl.expand_dims(rows, 0)
        is_code = is_group & tl.expand_dims(is_row, 0)
        made += _dot(
            x_first, x_rest, codes, planes, scales, minima, at, is_code, plane_size,
            BITS, PLANES, CENTRE, SCALES, MINIMA, DOT,
        )  # fmt: skip
        if GATE:
            other += _dot(
                x_first, x_rest, codes, planes, scales, minima, at + num_outputs, is_code, plane_size,
                BITS, PLANES, CENTRE, SCALES, MINIMA, DOT,
            )  # fmt: skip
    y = tl.sum(made, 0)
    if NORM:
        mean = tl.sum(tl.sum(squares, 2), 0) / (num_groups * 32)
        turned = tl.expand_dims(tl.rsqrt(mean + epsilon), 1)
        y *= turned
    if GATE:
        up = tl.sum(other, 0)
        if NORM:
            up *= turned
        y = activated(y, GATE) * up
    at = tl.expand_dims(rows, 0)
    is_there = tl.expand_dims(is_row, 0) & is_x
    out_at = tl.expand_dims(which, 1) * out_stride + at
    finished(y, bias, at, is_there, out, out_at, factor, cap, BIAS, CAP, ADD)


@triton.jit
def add_normed(y, norm, out, width, epsilon, factor, BLOCK: tl.constexpr):
    """Add a row's norm to the stream: what a norm after a block does."""
    columns = tl.arange(0, BLOCK)
    is_there = columns < width
    at = tl.program_id(0) * width + columns
    row = tl.load(y + at, mask=is_there, other=0.0)
    turned = tl.rsqrt(tl.sum(row * row) / width + epsilon)
    normed = row * turned * tl.load(norm + columns, mask=is_there, other=0.0)
    tl.store(out + at, tl.load(out + at, mask=is_there, other=0.0) + factor * normed, mask=is_there)


@triton.jit
def gated(gate_up, out, width, GATE: tl.constexpr, BLOCK: tl.constexpr):
    """Write f(gate) * up of a row (2 x width,): where the two are not one matrix."""
    row = tl.program_id(1)
    columns = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_there = columns < width
    gate = tl.load(gate_up + row * 2 * width + columns, mask=is_there, other=0.0)
    up = tl.load(gate_up + row * 2 * width + width + columns, mask=is_there, other=0.0)
    tl.store(out + row * width + columns, activated(gate, GATE) * up, mask=is_there)
