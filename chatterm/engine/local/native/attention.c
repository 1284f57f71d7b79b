#include "attention.h"

#include "vectors.h"

enum {
    STRIDE = BLOCK + LANES, /* of a query's scores: the last vector may reach beyond the block */
    AHEAD = 4096,           /* halves that are asked for before they are needed, as in products.c */
};

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

static int64_t group_of(const Decoder *d) { return d->num_heads / d->num_kv_heads; }

int64_t scratch_floats(const Decoder *d, const Pass *pass) {
    int64_t tokens = 0;
    for (int64_t i = 0; i < pass->num_segments; i++) tokens = larger(tokens, pass->segments[i].num_tokens);
    return LANES * d->head_length + tokens * group_of(d) * STRIDE;
}

static float *partial_of(const Decoder *d, const Partial *partial, int64_t row, int64_t head, int64_t block) {
    return partial->values + ((row * d->num_heads + head) * partial->blocks + block) * (d->head_length + 2);
}

static uint16_t *keys_of(const Decoder *d, const Segment *s, int64_t layer, int64_t kv_head) {
    return s->keys_values[layer] + kv_head * s->capacity * d->head_length;
}

static uint16_t *values_of(const Decoder *d, const Segment *s, int64_t layer, int64_t kv_head) {
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
    const int64_t kv_head = head - d->num_heads, length = d->head_length, place = position * length;
    narrow(values, length, keys_of(d, s, layer, kv_head) + place);
    narrow(values + d->num_kv_heads * length, length, values_of(d, s, layer, kv_head) + place);
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

/* Scores of 16 positions with the keys (16, length). */
static Lanes score_16(const float *query, const float *keys, int64_t length) {
    Lanes sums[LANES];
    for (int p = 0; p < LANES; p++) {
        const float *key = keys + p * length;
        Lanes sum = {0};
        int64_t i = 0;
        for (; i + LANES <= length; i += LANES) sum += load_lanes(query + i) * load_lanes(key + i);
        for (; i < length; i++) sum[0] += query[i] * key[i];
        sums[p] = sum;
    }
    return sums_of_rows(sums);
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

/* out += the values (count, length), weighted. */
static void weigh_values(const float *weights, const float *values, int64_t count, int64_t length, float *out) {
    int64_t i = 0;
    for (; i + 4 * LANES <= length; i += 4 * LANES) {
        Lanes sums[4];
        for (int k = 0; k < 4; k++) sums[k] = load_lanes(out + i + k * LANES);
        for (int64_t p = 0; p < count; p++)
            for (int k = 0; k < 4; k++) sums[k] += weights[p] * load_lanes(values + p * length + i + k * LANES);
        for (int k = 0; k < 4; k++) store_lanes(out + i + k * LANES, sums[k]);
    }
    for (; i < length; i++)
        for (int64_t p = 0; p < count; p++) out[i] += weights[p] * values[p * length + i];
}

static int64_t first_seen(const Layer *layer, int64_t position) {
    return layer->window && position >= layer->window ? position + 1 - layer->window : 0;
}

/* One block of positions of one sequence and key head, for all queries that see it. Each 16 positions are read and
 * widened once. */
typedef struct {
    const Decoder *decoder;
    const Layer *layer;
    const Segment *segment;
    int64_t begin, end; /* positions */
    float *wide;        /* (16, head length) */
    float *scores;      /* (tokens, queries of a key head, STRIDE) */
} Unit;

/* The positions of the unit that the segment's token `t` sees: from .. to - 1. */
static void seen_by(const Unit *unit, int64_t t, int64_t *from, int64_t *to) {
    const int64_t position = unit->segment->start + t;
    *from = larger(unit->begin, first_seen(unit->layer, position));
    *to = smaller(unit->end, position + 1);
}

static void widen_16(const Unit *unit, const uint16_t *halves, int64_t position) {
    const int64_t length = unit->decoder->head_length, count = smaller(LANES, unit->end - position) * length;
    for (int64_t i = 0; i < count; i += 32) __builtin_prefetch(halves + position * length + AHEAD + i);
    widen(halves + position * length, count, unit->wide);
}

static void score_all(const Unit *unit, const uint16_t *keys, const float *queries, int64_t width) {
    const int64_t length = unit->decoder->head_length, group = group_of(unit->decoder);
    for (int64_t p = unit->begin; p < unit->end; p += LANES) {
        widen_16(unit, keys, p);
        for (int64_t t = 0; t < unit->segment->num_tokens; t++) {
            int64_t from, to;
            seen_by(unit, t, &from, &to);
            for (int64_t h = 0; to > p && from < p + LANES && h < group; h++)
                store_lanes(unit->scores + (t * group + h) * STRIDE + p - unit->begin,
                            score_16(queries + t * width + h * length, unit->wide, length));
        }
    }
}

/* Scores of one query become weights; what is known of their block so far goes to `out`. */
static void weigh_scores(const Unit *unit, float *scores, int64_t count, float *out) {
    const float cap = unit->decoder->attention_softcap;
    for (int64_t i = 0; cap > 0 && i < count; i++) scores[i] = cap * tanhf(scores[i] / cap);
    out[0] = highest_of(scores, count);
    out[1] = exponentials(scores, count, out[0]);
    memset(out + 2, 0, (size_t)unit->decoder->head_length * sizeof(float));
}

static void attend_unit(const Unit *unit, int64_t index, int64_t first_row, const float *qkv, const Partial *partial,
                        int64_t kv_head) {
    const Decoder *d = unit->decoder;
    const int64_t length = d->head_length, group = group_of(d), block = unit->begin / BLOCK;
    const int64_t width = (d->num_heads + 2 * d->num_kv_heads) * length;
    int64_t from, to;
    score_all(unit, keys_of(d, unit->segment, index, kv_head), qkv + first_row * width + kv_head * group * length,
              width);
    for (int64_t t = 0; t < unit->segment->num_tokens; t++) {
        seen_by(unit, t, &from, &to);
        for (int64_t h = 0; from < to && h < group; h++)
            weigh_scores(unit, unit->scores + (t * group + h) * STRIDE + from - unit->begin, to - from,
                         partial_of(d, partial, first_row + t, kv_head * group + h, block));
    }
    for (int64_t p = unit->begin; p < unit->end; p += LANES) {
        widen_16(unit, values_of(d, unit->segment, index, kv_head), p);
        for (int64_t t = 0; t < unit->segment->num_tokens; t++) {
            seen_by(unit, t, &from, &to);
            const int64_t first = larger(from, p), last = smaller(to, p + LANES);
            for (int64_t h = 0; first < last && h < group; h++)
                weigh_values(unit->scores + (t * group + h) * STRIDE + first - unit->begin,
                             unit->wide + (first - p) * length, last - first, length,
                             partial_of(d, partial, first_row + t, kv_head * group + h, block) + 2);
        }
    }
}

void my_blocks(const Decoder *d, const Pass *pass, int64_t layer, const float *qkv, const Partial *partial,
               float *scratch, int thread, int num_threads) {
    int64_t units = 0, first, last, unit = 0, row = 0;
    for (int64_t i = 0; i < pass->num_segments; i++)
        units += blocks_before(pass->segments[i].start + pass->segments[i].num_tokens) * d->num_kv_heads;
    share(units, thread, num_threads, &first, &last);
    for (int64_t i = 0; i < pass->num_segments; i++) {
        const Segment *s = pass->segments + i;
        const int64_t blocks = blocks_before(s->start + s->num_tokens), count = blocks * d->num_kv_heads;
        for (int64_t u = larger(first - unit, 0); u < smaller(last - unit, count); u++) {
            const int64_t begin = u % blocks * BLOCK, end = smaller(begin + BLOCK, s->start + s->num_tokens);
            const Unit one = {d, d->layers + layer, s, begin, end, scratch, scratch + LANES * d->head_length};
            attend_unit(&one, layer, row, qkv, partial, u / blocks);
        }
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
