#include "products.h"

#include <math.h>
#include <string.h>

#include "blocks.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__)
#include <immintrin.h>
#define HAS_VNNI 1
#else
#define HAS_VNNI 0
#endif

#define INLINE static inline __attribute__((always_inline))

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

/* A vector of 16 lanes by 4 bytes, its sums, and 16 floats. */
#if HAS_VNNI
typedef __m512i Bytes;
typedef __m512i Ints;
typedef __m512 Floats;
INLINE Bytes load_bytes(const uint8_t *p) { return _mm512_loadu_si512(p); }
INLINE Bytes low_halves(Bytes v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
INLINE Bytes high_halves(Bytes v) { return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15)); }
INLINE Bytes add_plane(Bytes v, uint64_t plane, int value) {
    return _mm512_mask_add_epi8(v, plane, v, _mm512_set1_epi8((char)value));
}
INLINE Bytes zero_bytes(void) { return _mm512_setzero_si512(); }
INLINE Bytes look_up(Bytes codes, const int8_t *table) {
    const Bytes all = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
    return _mm512_xor_si512(_mm512_shuffle_epi8(all, codes), _mm512_set1_epi8((char)128));
}
INLINE Ints all_ints(int32_t v) { return _mm512_set1_epi32(v); }
INLINE Ints dot(Ints sum, Bytes w, const int8_t *x) {
    int32_t four;
    memcpy(&four, x, 4);
    return _mm512_dpbusd_epi32(sum, w, _mm512_set1_epi32(four));
}
INLINE Ints join(Ints high, Ints low) { return _mm512_add_epi32(_mm512_slli_epi32(high, 7), low); }
INLINE Floats zero_floats(void) { return _mm512_setzero_ps(); }
INLINE Floats all_floats(float v) { return _mm512_set1_ps(v); }
INLINE Floats load_floats(const float *p) { return _mm512_loadu_ps(p); }
INLINE Floats load_halves(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE Floats load_bfloats(const uint8_t *p) {
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
INLINE Floats to_floats(Ints v) { return _mm512_cvtepi32_ps(v); }
INLINE Floats times(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
INLINE Floats times_plus(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
INLINE void store_floats(float *p, Floats v) { _mm512_storeu_ps(p, v); }
INLINE void store_bytes(uint8_t *p, Bytes v) { _mm512_storeu_si512(p, v); }
#else
typedef uint8_t Bytes __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef float Floats __attribute__((vector_size(64)));
INLINE Bytes load_bytes(const uint8_t *p) { Bytes v; memcpy(&v, p, 64); return v; }
INLINE Bytes low_halves(Bytes v) { return v & 15; }
INLINE Bytes high_halves(Bytes v) { return v >> 4; }
INLINE Bytes zero_bytes(void) { return (Bytes){0}; }
INLINE Bytes add_plane(Bytes v, uint64_t plane, int value) {
    uint8_t bytes[64];
    for (int i = 0; i < 64; i++) bytes[i] = (uint8_t)((plane >> i & 1) * (unsigned)value);
    return v + load_bytes(bytes);
}
INLINE Bytes look_up(Bytes codes, const int8_t *table) {
    Bytes v;
    for (int i = 0; i < 64; i++) v[i] = (uint8_t)(table[codes[i]] + 128);
    return v;
}
INLINE Ints all_ints(int32_t v) { return v - (Ints){0}; }
INLINE Ints dot(Ints sum, Bytes w, const int8_t *x) {
    uint8_t bytes[64];
    int32_t sums[16];
    memcpy(bytes, &w, 64);
    for (int r = 0; r < 16; r++)
        sums[r] = bytes[4 * r] * x[0] + bytes[4 * r + 1] * x[1] + bytes[4 * r + 2] * x[2] + bytes[4 * r + 3] * x[3];
    Ints more;
    memcpy(&more, sums, 64);
    return sum + more;
}
INLINE Ints join(Ints high, Ints low) { return high * 128 + low; }
INLINE Floats zero_floats(void) { return (Floats){0}; }
INLINE Floats all_floats(float v) { return v - (Floats){0}; }
INLINE Floats load_floats(const float *p) { Floats v; memcpy(&v, p, 64); return v; }
INLINE Floats load_halves(const uint8_t *p) {
    _Float16 halves[16];
    Floats v;
    memcpy(halves, p, 32);
    for (int i = 0; i < 16; i++) v[i] = (float)halves[i];
    return v;
}
INLINE Floats load_bfloats(const uint8_t *p) {
    uint16_t parts[16];
    uint32_t words[16];
    Floats v;
    memcpy(parts, p, 32);
    for (int i = 0; i < 16; i++) words[i] = (uint32_t)parts[i] << 16;
    memcpy(&v, words, 64);
    return v;
}
INLINE Floats to_floats(Ints v) { return __builtin_convertvector(v, Floats); }
INLINE Floats times(Floats a, Floats b) { return a * b; }
INLINE Floats times_plus(Floats a, Floats b, Floats c) { return a * b + c; }
INLINE void store_floats(float *p, Floats v) { memcpy(p, &v, 64); }
INLINE void store_bytes(uint8_t *p, Bytes v) { memcpy(p, &v, 64); }
#endif

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
                    high[i] = dot(high[i], w, all_high + place);
                    low[i] = dot(low[i], w, all_low + place);
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
