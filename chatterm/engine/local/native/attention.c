#include "attention.h"

#include "vectors.h"

enum { AHEAD = 2048 }; /* floats that are asked for before they are needed, as in products.c */

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t blocks_before(int64_t position) { return (position + BLOCK - 1) / BLOCK; }

int64_t partial_floats(const Decoder *d, const Pass *pass, Partial *partial) {
    partial->blocks = 1;
    for (int64_t i = 0; i < pass->num_segments; i++) {
        const Segment *s = pass->segments + i;
        partial->blocks = larger(partial->blocks, blocks_before(s->start + s->num_tokens));
    }
    return pass->num_rows * d->num_heads * partial->blocks * (d->head_length + 2);
}

static float *partial_of(const Decoder *d, const Partial *partial, int64_t row, int64_t head, int64_t block) {
    return partial->values + ((row * d->num_heads + head) * partial->blocks + block) * (d->head_length + 2);
}

static float *keys_of(const Decoder *d, const Segment *s, int64_t layer, int64_t kv_head) {
    return s->keys_values[layer] + kv_head * s->capacity * d->head_length;
}

static float *values_of(const Decoder *d, const Segment *s, int64_t layer, int64_t kv_head) {
    return keys_of(d, s, layer, d->num_kv_heads + kv_head);
}

static void turn(const float *rotations, int64_t dimensions, float *head) {
    for (int64_t i = 0; i < dimensions; i += 2) {
        const float cosine = rotations[i], sine = rotations[i + 1], a = head[i], b = head[i + 1];
        head[i] = a * cosine - b * sine;
        head[i + 1] = a * sine + b * cosine;
    }
}

/* Norm over all heads at once, before any of them is turned. */
static void norm_row_of_heads(const Decoder *d, const Layer *layer, float *row) {
    const int64_t queries = d->num_heads * d->head_length, keys = d->num_kv_heads * d->head_length;
    if (layer->query_norm) norm_row(row, layer->query_norm, queries, d->epsilon, row);
    if (layer->key_norm) norm_row(row + queries, layer->key_norm, keys, d->epsilon, row + queries);
}

static void prepare_head(const Decoder *d, const Pass *pass, int64_t layer, const Segment *s, int64_t position,
                         float *row, int64_t head) {
    const Layer *own = d->layers + layer;
    const int is_query = head < d->num_heads;
    float *values = row + head * d->head_length;
    const float *weight = is_query ? own->query_norm : own->key_norm;
    if (weight && !d->is_full_qk_norm) norm_row(values, weight, d->head_length, d->epsilon, values);
    if (own->rope_dimensions)
        turn(pass->ropes[layer] + position * own->rope_dimensions, own->rope_dimensions, values);
    if (is_query) {
        for (int64_t i = 0; i < d->head_length; i++) values[i] *= d->query_scale;
        return;
    }
    const size_t bytes = (size_t)d->head_length * sizeof(float);
    const int64_t kv_head = head - d->num_heads;
    memcpy(keys_of(d, s, layer, kv_head) + position * d->head_length, values, bytes);
    memcpy(values_of(d, s, layer, kv_head) + position * d->head_length, values + d->num_kv_heads * d->head_length,
           bytes);
}

void my_heads(const Decoder *d, const Pass *pass, int64_t layer, float *qkv, int thread, int num_threads) {
    const int64_t heads = d->num_heads + d->num_kv_heads, width = (heads + d->num_kv_heads) * d->head_length;
    const int64_t pieces = d->is_full_qk_norm ? 1 : heads, per_piece = heads / pieces;
    int64_t first, last, row = 0;
    share(pass->num_rows * pieces, thread, num_threads, &first, &last);
    for (int64_t i = 0; i < pass->num_segments; i++) {
        const Segment *s = pass->segments + i;
        for (int64_t t = 0; t < s->num_tokens; t++, row++) {
            const int64_t from = larger(first, row * pieces), to = smaller(last, (row + 1) * pieces);
            if (from < to && d->is_full_qk_norm) norm_row_of_heads(d, d->layers + layer, qkv + row * width);
            for (int64_t h = (from - row * pieces) * per_piece; h < (to - row * pieces) * per_piece; h++)
                prepare_head(d, pass, layer, s, s->start + t, qkv + row * width, h);
        }
    }
}

/* Scores of 16 positions from `keys` on. */
static Lanes score_16(const float *query, const float *keys, int64_t length) {
    Lanes sums[LANES];
    for (int p = 0; p < LANES; p++) {
        const float *key = keys + p * length;
        Lanes sum = {0};
        int64_t i = 0;
        for (int64_t line = 0; line < length; line += LANES) __builtin_prefetch(key + AHEAD + line);
        for (; i + LANES <= length; i += LANES) sum += load_lanes(query + i) * load_lanes(key + i);
        for (; i < length; i++) sum[0] += query[i] * key[i];
        sums[p] = sum;
    }
    return sums_of_rows(sums);
}

static void score_block(const Decoder *d, const float *query, const float *keys, int64_t count, float *scores) {
    const int64_t length = d->head_length;
    int64_t p = 0;
    for (; p + LANES <= count; p += LANES) store_lanes(scores + p, score_16(query, keys + p * length, length));
    for (; p < count; p++) scores[p] = dot_floats(query, keys + p * length, length);
    for (int64_t i = 0; d->attention_softcap > 0 && i < count; i++)
        scores[i] = d->attention_softcap * tanhf(scores[i] / d->attention_softcap);
}

/* Fill up the last vector, and return the highest of all. */
static float highest_of(float *scores, int64_t count) {
    for (int64_t i = count; i % LANES; i++) scores[i] = -INFINITY;
    Lanes highest = load_lanes(scores);
    for (int64_t i = LANES; i < count; i += LANES) highest = larger_lanes(load_lanes(scores + i), highest);
    float one = highest[0];
    for (int k = 1; k < LANES; k++) one = highest[k] > one ? highest[k] : one;
    return one;
}

/* Turn scores into exponentials, in place, and return their sum; what fills up the last vector becomes 0. */
static float exponentials(float *scores, int64_t count, float highest) {
    const int64_t filled = (count + LANES - 1) / LANES * LANES;
    for (int64_t i = 0; i < filled; i += LANES) store_lanes(scores + i, exp_lanes(load_lanes(scores + i) - highest));
    for (int64_t i = count; i < filled; i++) scores[i] = 0;
    Lanes sum = {0};
    for (int64_t i = 0; i < filled; i += LANES) sum += load_lanes(scores + i);
    return sum_of_lanes(sum);
}

static void weigh_values(const float *weights, const float *values, int64_t count, int64_t length, float *out) {
    int64_t i = 0;
    for (; i + 4 * LANES <= length; i += 4 * LANES) {
        Lanes a = {0}, b = {0}, c = {0}, e = {0};
        for (int64_t p = 0; p < count; p++) {
            const float *v = values + p * length + i;
            for (int line = 0; line < 4; line++) __builtin_prefetch(v + AHEAD + line * LANES);
            a += weights[p] * load_lanes(v);
            b += weights[p] * load_lanes(v + LANES);
            c += weights[p] * load_lanes(v + 2 * LANES);
            e += weights[p] * load_lanes(v + 3 * LANES);
        }
        store_lanes(out + i, a);
        store_lanes(out + i + LANES, b);
        store_lanes(out + i + 2 * LANES, c);
        store_lanes(out + i + 3 * LANES, e);
    }
    for (; i < length; i++) {
        float sum = 0;
        for (int64_t p = 0; p < count; p++) sum += weights[p] * values[p * length + i];
        out[i] = sum;
    }
}

static int64_t first_seen(const Layer *layer, int64_t position) {
    return layer->window && position >= layer->window ? position + 1 - layer->window : 0;
}

/* One block of one row and head. */
static void attend_block(const Decoder *d, const float *query, const float *keys, const float *values, int64_t from,
                         int64_t to, float *out) {
    float scores[BLOCK + LANES] = {0};
    score_block(d, query, keys + from * d->head_length, to - from, scores);
    out[0] = highest_of(scores, to - from);
    out[1] = exponentials(scores, to - from, out[0]);
    weigh_values(scores, values + from * d->head_length, to - from, d->head_length, out + 2);
}

static void attend_unit(const Decoder *d, int64_t layer, const Segment *s, int64_t first_row, const float *qkv,
                        const Partial *partial, int64_t kv_head, int64_t block) {
    const int64_t group = d->num_heads / d->num_kv_heads;
    const int64_t width = (d->num_heads + 2 * d->num_kv_heads) * d->head_length;
    const float *keys = keys_of(d, s, layer, kv_head), *values = values_of(d, s, layer, kv_head);
    for (int64_t t = 0; t < s->num_tokens; t++) {
        const int64_t position = s->start + t, row = first_row + t;
        const int64_t from = larger(block * BLOCK, first_seen(d->layers + layer, position));
        const int64_t to = smaller((block + 1) * BLOCK, position + 1);
        for (int64_t h = kv_head * group; from < to && h < (kv_head + 1) * group; h++)
            attend_block(d, qkv + row * width + h * d->head_length, keys, values, from, to,
                         partial_of(d, partial, row, h, block));
    }
}

void my_blocks(const Decoder *d, const Pass *pass, int64_t layer, const float *qkv, const Partial *partial, int thread,
               int num_threads) {
    int64_t units = 0, first, last, unit = 0, row = 0;
    for (int64_t i = 0; i < pass->num_segments; i++)
        units += blocks_before(pass->segments[i].start + pass->segments[i].num_tokens) * d->num_kv_heads;
    share(units, thread, num_threads, &first, &last);
    for (int64_t i = 0; i < pass->num_segments; i++) {
        const Segment *s = pass->segments + i;
        const int64_t blocks = blocks_before(s->start + s->num_tokens), count = blocks * d->num_kv_heads;
        for (int64_t u = larger(first - unit, 0); u < smaller(last - unit, count); u++)
            attend_unit(d, layer, s, row, qkv, partial, u / blocks, u % blocks);
        unit += count;
        row += s->num_tokens;
    }
}

void join_blocks(const Decoder *d, int64_t layer, const Partial *partial, int64_t row, int64_t position, float *out) {
    const int64_t from = first_seen(d->layers + layer, position) / BLOCK, to = position / BLOCK;
    for (int64_t h = 0; h < d->num_heads; h++, out += d->head_length) {
        float highest = -INFINITY, sum = 0;
        for (int64_t b = from; b <= to; b++) {
            const float score = *partial_of(d, partial, row, h, b);
            highest = score > highest || score != score ? score : highest;
        }
        memset(out, 0, (size_t)d->head_length * sizeof(float));
        for (int64_t b = from; b <= to; b++) {
            const float *one = partial_of(d, partial, row, h, b), weight = expf(one[0] - highest);
            sum += one[1] * weight;
            for (int64_t i = 0; i < d->head_length; i++) out[i] += one[2 + i] * weight;
        }
        for (int64_t i = 0; i < d->head_length; i++) out[i] /= sum;
    }
}
