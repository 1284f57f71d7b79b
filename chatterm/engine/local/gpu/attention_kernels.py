"""Triton kernels of attention for few new tokens: norm, rope, writing keys and values, and the sum itself.

The positions of a sequence are cut into splits of one size, each a program's: what a position adds is summed
in an order that depends on positions alone, not on where its keys were read (the cache, or this very pass)
nor on who else is in the pass. Lengths are read on the device, so that a graph of the pass can be run again.
Splitting keys among programs: Flash-Decoding (Dao et al. 2023); the running softmax: Milakov and Gimelshein
2018 (arXiv 1805.02867).
"""

import triton
import triton.language as tl


@triton.jit
def _turned(heads, cosines, sines, COUNT: tl.constexpr, HEAD: tl.constexpr):
    """Turn neighbours of heads (COUNT, HEAD) by angles given as (COUNT, HEAD / 2)."""
    even, odd = tl.split(tl.reshape(heads, (COUNT, HEAD // 2, 2)))
    turned = tl.join(even * cosines - odd * sines, even * sines + odd * cosines)
    return tl.reshape(turned, (COUNT, HEAD))


@triton.jit
def _squares(heads, rows, is_there, NUM_HEADS: tl.constexpr, HEAD_LENGTH: tl.constexpr, HEAD: tl.constexpr):
    """Return the sums of squares (n,) of all heads of the rows that begin at `rows` (n,)."""
    d = tl.arange(0, HEAD)
    mask = tl.expand_dims(is_there, 1) & tl.expand_dims(d < HEAD_LENGTH, 0)
    squares = tl.zeros_like(rows).to(tl.float32)
    for head in range(NUM_HEADS):
        numbers = tl.load(heads + tl.expand_dims(rows + head * HEAD_LENGTH, 1) + d, mask=mask, other=0.0)
        squares += tl.sum(numbers * numbers, 1)
    return squares


@triton.jit
def _ready(
    heads, row_heads, rows, at, is_there, norm, norm_at, turns, num_pairs, epsilon,
    NUM_HEADS: tl.constexpr, HEAD_LENGTH: tl.constexpr, HEAD: tl.constexpr, COUNT: tl.constexpr,
    NORM: tl.constexpr, TURNS: tl.constexpr,
):  # fmt: skip
    """Norm and turn heads (COUNT, HEAD) of tokens at positions `at` (COUNT,).

    `row_heads + rows` is where all heads of each one's row begin, for a norm of all of them.
    """
    is_d = tl.expand_dims(tl.arange(0, HEAD) < HEAD_LENGTH, 0)
    if NORM > 0:
        if NORM == 1:
            mean = tl.sum(heads * heads, 1) / HEAD_LENGTH
        else:
            mean = _squares(row_heads, rows, is_there, NUM_HEADS, HEAD_LENGTH, HEAD) / (
                NUM_HEADS * HEAD_LENGTH
            )
        weight = tl.load(norm + norm_at, mask=tl.expand_dims(is_there, 1) & is_d, other=0.0)
        heads = heads * tl.expand_dims(tl.rsqrt(mean + epsilon), 1) * weight
    if TURNS:
        pair = tl.expand_dims(tl.arange(0, HEAD // 2), 0)
        turn = turns + (tl.expand_dims(at * num_pairs, 1) + pair) * 2
        is_turned = tl.expand_dims(is_there, 1) & (pair < num_pairs)
        cosines = tl.load(turn, mask=is_turned, other=1.0)
        heads = _turned(heads, cosines, tl.load(turn + 1, mask=is_turned, other=0.0), COUNT, HEAD)
    return heads


# A graph for each power of two of splits should not want a kernel of its own, nor each row of a table.
@triton.jit(do_not_specialize=["most_splits"], do_not_specialize_on_alignment=["addresses"])
def attend(
    qkv, addresses, capacities, positions, firsts, starts, turns, query_norm, key_norm, sums, stats,
    epsilon, query_scale, cap, num_pairs, most_splits,
    NUM_HEADS: tl.constexpr, NUM_KV_HEADS: tl.constexpr, HEAD_LENGTH: tl.constexpr, HEAD: tl.constexpr,
    SHARING: tl.constexpr, NORM: tl.constexpr, TURNS: tl.constexpr, CAP: tl.constexpr, WINDOW: tl.constexpr,
    SPLIT: tl.constexpr, BLOCK: tl.constexpr, CACHE: tl.constexpr, DOT: tl.constexpr,
):  # fmt: skip
    """One split of one row's attention, for the queries that share a kv head (SHARING: padded to 16 or more).

    qkv: fp32 (rows, heads + 2 kv heads, head_length). NORM: 0 none, 1 each head, 2 all heads of a row.
    Row r is token `positions[r]` of a sequence whose cache is at `addresses[r]`, CACHE (2, kv heads,
    capacities[r], head_length); what lies before position `starts[r]` is read from there, the rest are rows
    of this pass from row `firsts[r]` on, and are written there. Writes the split's unscaled sum of values,
    fp32 (rows, heads, most_splits, head_length), and its maximum and sum of weights (rows, heads,
    most_splits, 2).
    """
    head = tl.program_id(0)
    split = tl.program_id(1)
    row = tl.program_id(2)
    position = tl.load(positions + row)
    lowest = tl.maximum(position - WINDOW + 1, 0) if WINDOW > 0 else 0
    begin = split * SPLIT
    if (begin <= position) & (begin + SPLIT > lowest):
        width: tl.constexpr = (NUM_HEADS + 2 * NUM_KV_HEADS) * HEAD_LENGTH
        num_sharing: tl.constexpr = NUM_HEADS // NUM_KV_HEADS
        d = tl.expand_dims(tl.arange(0, HEAD), 0)
        is_d = d < HEAD_LENGTH
        # Said to be aligned: of a number the compiler knows nothing, and would load two bytes at a time.
        keys = tl.multiple_of(tl.load(addresses + row).to(tl.pointer_type(CACHE)), 16)
        head_size = tl.load(capacities + row).to(tl.int64) * HEAD_LENGTH
        start = tl.load(starts + row)
        first = tl.load(firsts + row)

        shared = tl.arange(0, SHARING)
        query_head = head * num_sharing + shared
        is_query = shared < num_sharing
        is_query_there = tl.expand_dims(is_query, 1) & is_d
        query_at = tl.expand_dims(query_head * HEAD_LENGTH, 1) + d
        query = _ready(
            tl.load(qkv + row * width + query_at, mask=is_query_there, other=0.0),
            qkv, tl.zeros_like(shared) + row * width, tl.zeros_like(shared) + position, is_query,
            query_norm, query_at if NORM == 2 else d + tl.zeros_like(query_at), turns, num_pairs, epsilon,
            NUM_HEADS, HEAD_LENGTH, HEAD, SHARING, NORM, TURNS,
        )  # fmt: skip
        query = query.to(CACHE).to(DOT)

        most = tl.full((SHARING,), float("-inf"), tl.float32)
        weight_sum = tl.zeros((SHARING,), tl.float32)
        summed = tl.zeros((SHARING, HEAD), tl.float32)
        end = tl.minimum(begin + SPLIT, position + 1)
        for block in range(tl.maximum(begin, lowest // BLOCK * BLOCK), end, BLOCK):
            at = block + tl.arange(0, BLOCK)
            is_seen = (at <= position) & (at >= lowest)
            is_stored = tl.expand_dims(is_seen & (at < start), 1) & is_d
            cached = keys + head * head_size + tl.expand_dims(at, 1).to(tl.int64) * HEAD_LENGTH + d
            key = tl.load(cached, mask=is_stored, other=0.0)
            value = tl.load(cached + NUM_KV_HEADS * head_size, mask=is_stored, other=0.0)
            if block + BLOCK > start:
                # Tokens of this very pass: their keys are rows of it.
                is_new = is_seen & (at >= start)
                is_new_there = tl.expand_dims(is_new, 1) & is_d
                new_row = (first + at - start) * width
                key_at = tl.expand_dims(new_row + (NUM_HEADS + head) * HEAD_LENGTH, 1) + d
                norm_at = d + tl.zeros_like(key_at) + (head * HEAD_LENGTH if NORM == 2 else 0)
                new_key = _ready(
                    tl.load(qkv + key_at, mask=is_new_there, other=0.0),
                    qkv, new_row + NUM_HEADS * HEAD_LENGTH, at, is_new,
                    key_norm, norm_at, turns, num_pairs, epsilon,
                    NUM_KV_HEADS, HEAD_LENGTH, HEAD, BLOCK, NORM, TURNS,
                )  # fmt: skip
                new_value = tl.load(qkv + key_at + NUM_KV_HEADS * HEAD_LENGTH, mask=is_new_there, other=0.0)
                key = tl.where(is_new_there, new_key.to(CACHE), key)
                value = tl.where(is_new_there, new_value.to(CACHE), value)
                is_own = tl.expand_dims(at == position, 1) & is_d
                tl.store(cached, key, mask=is_own)
                tl.store(cached + NUM_KV_HEADS * head_size, value, mask=is_own)
            scores = tl.dot(query, tl.trans(key.to(DOT)), input_precision="ieee") * query_scale
            if CAP:
                scores = cap * (2 * tl.sigmoid(2 * scores / cap) - 1)
            scores = tl.where(tl.expand_dims(is_seen, 0), scores, float("-inf"))
            higher = tl.maximum(most, tl.max(scores, 1))
            weights = tl.exp(scores - tl.expand_dims(higher, 1))
            shrunk = tl.exp(most - higher)
            weight_sum = weight_sum * shrunk + tl.sum(weights, 1)
            summed = summed * tl.expand_dims(shrunk, 1)
            summed = tl.dot(weights.to(CACHE).to(DOT), value.to(DOT), summed, input_precision="ieee")
            most = higher
        place = (row * NUM_HEADS + query_head) * most_splits + split
        tl.store(sums + tl.expand_dims(place * HEAD_LENGTH, 1) + d, summed, mask=is_query_there)
        tl.store(stats + place * 2, most, mask=is_query)
        tl.store(stats + place * 2 + 1, weight_sum, mask=is_query)


@triton.jit(do_not_specialize=["most_splits"])
def combine(
    sums, stats, positions, out, most_splits,
    NUM_HEADS: tl.constexpr, HEAD_LENGTH: tl.constexpr, HEAD: tl.constexpr, WINDOW: tl.constexpr,
    SPLIT: tl.constexpr, TOGETHER: tl.constexpr,
):  # fmt: skip
    """Add up a head's splits, some together, in their order: fp32 (rows, heads, head_length)."""
    head = tl.program_id(0)
    row = tl.program_id(1)
    position = tl.load(positions + row)
    lowest = tl.maximum(position - WINDOW + 1, 0) if WINDOW > 0 else 0
    d = tl.arange(0, HEAD)
    is_d = d < HEAD_LENGTH
    base = (row * NUM_HEADS + head) * most_splits
    most = float("-inf")
    weight_sum = 0.0
    summed = tl.zeros((HEAD,), tl.float32)
    for first in range(lowest // SPLIT // TOGETHER * TOGETHER, position // SPLIT + 1, TOGETHER):
        split = first + tl.arange(0, TOGETHER)
        is_there = (split * SPLIT <= position) & (split * SPLIT + SPLIT > lowest)
        its_most = tl.load(stats + (base + split) * 2, mask=is_there, other=float("-inf"))
        its_weights = tl.load(stats + (base + split) * 2 + 1, mask=is_there, other=0.0)
        its_at = tl.expand_dims((base + split) * HEAD_LENGTH, 1) + tl.expand_dims(d, 0)
        is_sum = tl.expand_dims(is_there, 1) & tl.expand_dims(is_d, 0)
        its_sum = tl.load(sums + its_at, mask=is_sum, other=0.0)
        higher = tl.maximum(most, tl.max(its_most, 0))
        shrunk = tl.exp(most - higher)
        share = tl.exp(its_most - higher)
        weight_sum = weight_sum * shrunk + tl.sum(its_weights * share, 0)
        summed = summed * shrunk + tl.sum(its_sum * tl.expand_dims(share, 1), 0)
        most = higher
    tl.store(out + (row * NUM_HEADS + head) * HEAD_LENGTH + d, summed / weight_sum, mask=is_d)
