#include "products.h"

#include <math.h>
#include <string.h>

#include "blocks.h"
#include "lanes.h"

enum { MAX_TOGETHER = 4 }; /* rows of x that share one reading of a tile */

/* Bytes that are asked for before they are needed. On a machine whose weights lie in the last cache a core read
 * 14 GB/s without, and 25 with 4 to 8 KB. */
enum { AHEAD = 6144 };

/* A code is 128 high + low. Two products with bytes instead of one cost little where memory is what is waited
 * for, and leave 2^-15 of a group's largest number where a byte would leave 2^-8. */
enum { LOW = 128, LARGEST = 127 * LOW };

void quantise_row(const Inputs *x, int64_t row) {
    const float *values = x->values + row * x->columns;
    int8_t *high = x->high + row * x->columns, *low = x->low + row * x->columns;
    const int64_t groups = x->columns / GROUP;
    for (int64_t g = 0; g < groups; g++, values += GROUP, high += GROUP, low += GROUP) {
        int32_t most_bits = 0; /* of sizes: as integers they have the same order, with NaN above all */
        for (int k = 0; k < GROUP; k++) {
            int32_t bits;
            memcpy(&bits, values + k, 4);
            bits &= 0x7FFFFFFF;
            most_bits = bits > most_bits ? bits : most_bits;
        }
        float most;
        memcpy(&most, &most_bits, 4);
        const float inverse = most > 0 ? LARGEST / most : 0;
        int32_t codes[GROUP], sums[2] = {0, 0};
        for (int k = 0; k < GROUP; k++) codes[k] = (int32_t)rintf(values[k] * inverse);
        for (int k = 0; k < GROUP; k++) {
            const int32_t upper = (codes[k] + LOW / 2) >> 7;
            high[k] = (int8_t)upper;
            low[k] = (int8_t)(codes[k] - LOW * upper);
        }
        for (int k = 0; k < GROUP / 2; k++) sums[0] += codes[k];
        for (int k = GROUP / 2; k < GROUP; k++) sums[1] += codes[k];
        x->scales[row * groups + g] = most / LARGEST;
        x->sums[(row * groups + g) * 2] = sums[0];
        x->sums[(row * groups + g) * 2 + 1] = sums[1];
    }
}

/* What of a layout is known when compiling. */
typedef struct {
    int bits, scale_columns, has_minima, has_table;
} Kind;

INLINE int num_planes(int bits) { return bits == 8 ? 0 : bits >= 4 ? bits - 4 : bits; }
INLINE int64_t code_bytes(int bits) { return bits == 8 ? 512 : (bits >= 4 ? 256 : 0) + 64 * num_planes(bits); }

/* The codes of columns 4 step .. 4 step + 3 of a group. */
INLINE Bytes codes_of(Kind kind, const uint8_t *group, int step, const int8_t *table) {
    if (kind.bits == 8) return load_bytes(group + 64 * step);
    Bytes codes = zero_bytes();
    const uint8_t *planes = group;
    if (kind.bits >= 4) {
        Bytes both = load_bytes(group + 64 * (step % 4));
        codes = step < 4 ? low_halves(both) : high_halves(both);
        planes = group + 256;
    }
    for (int p = 0; p < num_planes(kind.bits); p++) {
        uint64_t plane;
        memcpy(&plane, planes + 64 * p + 8 * step, 8);
        codes = add_plane(codes, plane, kind.bits >= 4 ? 16 << p : 1 << p);
    }
    return kind.has_table ? look_up(codes, table) : codes;
}

INLINE void codes_product(Kind kind, const Layout *layout, const uint8_t *tile, const Inputs *x, int64_t first,
                          int count, float *out) {
    Floats totals[MAX_TOGETHER];
    for (int i = 0; i < count; i++) totals[i] = zero_floats();
    const int is_wide = kind.bits == 8 || kind.has_table;
    const int scale_groups = GROUP / kind.scale_columns, steps = 8 / scale_groups;
    const int64_t groups = x->columns / GROUP, bytes = group_bytes(layout);
    const int8_t *all_high = x->high + first * x->columns, *all_low = x->low + first * x->columns;
    const int8_t *table = kind.has_table ? block_format(layout->type)->table : 0;
    for (int64_t g = 0; g < groups; g++, tile += bytes) {
        for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(tile + AHEAD + line);
        const uint8_t *scales = tile + code_bytes(kind.bits), *minima = scales + 32 * scale_groups;
        for (int half = 0; half < scale_groups; half++) {
            Ints high[MAX_TOGETHER], low[MAX_TOGETHER];
            int32_t inputs[MAX_TOGETHER];
            for (int i = 0; i < count; i++) {
                const int32_t *own = x->sums + (first + i) * groups * 2 + g * 2;
                inputs[i] = scale_groups == 2 ? own[half] : own[0] + own[1];
                high[i] = all_ints(0);
                low[i] = all_ints(-layout->centre * inputs[i]);
            }
            for (int s = half * steps; s < (half + 1) * steps; s++) {
                Bytes w = codes_of(kind, tile, s, table);
                for (int i = 0; i < count; i++) {
                    const int64_t place = i * x->columns + g * GROUP + 4 * s;
                    high[i] = dot(high[i], w, all_high + place, is_wide);
                    low[i] = dot(low[i], w, all_low + place, is_wide);
                }
            }
            Floats scale = load_halves(scales + 32 * half);
            for (int i = 0; i < count; i++) {
                Floats input = all_floats(x->scales[(first + i) * groups + g]);
                Floats value = times(to_floats(join(high[i], low[i])), scale);
                if (kind.has_minima) {
                    Floats minimum = load_halves(minima + 32 * half);
                    value = times_plus(all_floats((float)inputs[i]), minimum, value);
                }
                totals[i] = times_plus(value, input, totals[i]);
            }
        }
    }
    for (int i = 0; i < count; i++) store_floats(out + i * TILE_ROWS, totals[i]);
}

INLINE void plain_product(Storage storage, const uint8_t *tile, const Inputs *x, int64_t first, int count,
                          float *out) {
    const int64_t step = storage == SINGLE ? 64 : 32;
    Floats totals[MAX_TOGETHER];
    for (int i = 0; i < count; i++) totals[i] = zero_floats();
    for (int64_t k = 0; k < x->columns; k++, tile += step) {
        __builtin_prefetch(tile + AHEAD);
        Floats w = storage == SINGLE ? load_floats((const float *)tile)
                   : storage == HALF ? load_halves(tile)
                                     : load_bfloats(tile);
        for (int i = 0; i < count; i++)
            totals[i] = times_plus(all_floats(x->values[(first + i) * x->columns + k]), w, totals[i]);
    }
    for (int i = 0; i < count; i++) store_floats(out + i * TILE_ROWS, totals[i]);
}

#define FOR_COUNTS(CALL, ...)                      \
    switch (count) {                               \
    case 1: CALL(__VA_ARGS__, 1, out); break;      \
    case 2: CALL(__VA_ARGS__, 2, out); break;      \
    case 3: CALL(__VA_ARGS__, 3, out); break;      \
    default: CALL(__VA_ARGS__, 4, out); break;     \
    }

#define CODES_PRODUCT(NAME, ...)                                                                                  \
    static void NAME(const Layout *layout, const uint8_t *tile, const Inputs *x, int64_t first, int count,        \
                     float *out) {                                                                                \
        const Kind kind = {__VA_ARGS__};                                                                          \
        FOR_COUNTS(codes_product, kind, layout, tile, x, first)                                                   \
    }

CODES_PRODUCT(product_4, 4, 32, 0, 0)
CODES_PRODUCT(product_4_minima, 4, 32, 1, 0)
CODES_PRODUCT(product_4_table, 4, 32, 0, 1)
CODES_PRODUCT(product_5, 5, 32, 0, 0)
CODES_PRODUCT(product_5_minima, 5, 32, 1, 0)
CODES_PRODUCT(product_6, 6, 16, 0, 0)
CODES_PRODUCT(product_8, 8, 32, 0, 0)
CODES_PRODUCT(product_2_minima, 2, 16, 1, 0)
CODES_PRODUCT(product_3, 3, 16, 0, 0)

static void codes_tile(const Layout *l, const uint8_t *tile, const Inputs *x, int64_t first, int count, float *out) {
    switch (l->bits) {
    case 2: product_2_minima(l, tile, x, first, count, out); break;
    case 3: product_3(l, tile, x, first, count, out); break;
    case 4:
        if (l->has_table) product_4_table(l, tile, x, first, count, out);
        else if (l->has_minima) product_4_minima(l, tile, x, first, count, out);
        else product_4(l, tile, x, first, count, out);
        break;
    case 5:
        if (l->has_minima) product_5_minima(l, tile, x, first, count, out);
        else product_5(l, tile, x, first, count, out);
        break;
    case 6: product_6(l, tile, x, first, count, out); break;
    default: product_8(l, tile, x, first, count, out); break;
    }
}

static void plain_tile(Storage storage, const uint8_t *tile, const Inputs *x, int64_t first, int count, float *out) {
    switch (storage) {
    case SINGLE: FOR_COUNTS(plain_product, SINGLE, tile, x, first) break;
    case HALF: FOR_COUNTS(plain_product, HALF, tile, x, first) break;
    default: FOR_COUNTS(plain_product, BFLOAT, tile, x, first) break;
    }
}

void tile_product(const Part *part, int64_t tile, const Inputs *x, int64_t rows, float *out) {
    const Layout *layout = part->layout;
    const uint8_t *data = part->data + tile * tile_bytes(layout, part->columns);
    for (int64_t i = 0; i < rows; i += MAX_TOGETHER) {
        int some = rows - i < MAX_TOGETHER ? (int)(rows - i) : MAX_TOGETHER;
        if (layout->storage == CODES) codes_tile(layout, data, x, i, some, out + i * TILE_ROWS);
        else plain_tile(layout->storage, data, x, i, some, out + i * TILE_ROWS);
    }
}

void group_codes(const Layout *layout, const uint8_t *group, uint8_t codes[TILE_ROWS][GROUP]) {
    const Kind kind = {layout->bits, layout->scale_columns, layout->has_minima, layout->has_table};
    const int8_t *table = layout->has_table ? block_format(layout->type)->table : 0;
    for (int step = 0; step < GROUP / 4; step++) {
        uint8_t bytes[64];
        store_bytes(bytes, codes_of(kind, group, step, table));
        for (int r = 0; r < TILE_ROWS; r++) memcpy(codes[r] + 4 * step, bytes + 4 * r, 4);
    }
}

int is_fast(void) { return ARE_LANES_FAST; }
