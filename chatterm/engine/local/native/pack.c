#include "pack.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "blocks.h"
#include "products.h"

enum { MAX_BLOCK = 256 };

typedef struct {
    uint8_t codes[TILE_ROWS][MAX_BLOCK];
    float scales[TILE_ROWS][MAX_BLOCK / 16];
    float minima[TILE_ROWS][MAX_BLOCK / 16];
} Decoded; /* one block of each row of a tile */

/* Of a row as the file stores it; `format` is NULL for plain types. */
static int64_t row_bytes(const Layout *layout, const BlockFormat *format, int64_t columns) {
    return format ? columns / format->block_size * format->type_size : columns * layout->bits / 8;
}

static uint32_t four(const uint8_t *codes) {
    uint32_t all;
    memcpy(&all, codes, 4);
    return all;
}

static void write_codes(const Layout *layout, const Decoded *from, int column, uint8_t *group) {
    const int is_nibbles = layout->bits >= 4 && layout->bits < 8;
    for (int r = 0; r < TILE_ROWS; r++) {
        const uint8_t *codes = from->codes[r] + column;
        if (layout->bits == 8)
            for (int s = 0; s < 8; s++) memcpy(group + 64 * s + 4 * r, codes + 4 * s, 4);
        if (is_nibbles)
            for (int s = 0; s < 4; s++) {
                uint32_t both = (four(codes + 4 * s) & 0x0F0F0F0F) | (four(codes + 16 + 4 * s) & 0x0F0F0F0F) << 4;
                memcpy(group + 64 * s + 4 * r, &both, 4);
            }
    }
    const int lowest = is_nibbles ? 4 : 0;
    uint8_t *planes = group + (is_nibbles ? 256 : 0);
    for (int bit = lowest; bit < layout->bits && layout->bits < 8; bit++, planes += 64)
        for (int s = 0; s < 8; s++) {
            uint64_t plane = 0;
            for (int r = 0; r < TILE_ROWS; r++) {
                uint32_t bits = four(from->codes[r] + column + 4 * s) >> bit & 0x01010101;
                plane |= (uint64_t)((bits * 0x01020408u >> 24) & 15) << (4 * r);
            }
            memcpy(planes + 8 * s, &plane, 8);
        }
}

/* The scales or minima of group `first` of every row, as halves. */
static int write_halves(const float from[TILE_ROWS][MAX_BLOCK / 16], int first, int count, uint8_t *out) {
    int is_beyond = 0;
    for (int g = 0; g < count; g++) {
        _Float16 halves[TILE_ROWS];
        for (int r = 0; r < TILE_ROWS; r++) {
            halves[r] = (_Float16)from[r][first + g];
            is_beyond |= isinf((float)halves[r]) && !isinf(from[r][first + g]);
        }
        memcpy(out + 32 * g, halves, 32);
    }
    return is_beyond;
}

static int pack_codes(const Layout *layout, const BlockFormat *format, const uint8_t *blocks, int64_t rows,
                      int64_t columns, uint8_t *tile) {
    Decoded decoded;
    const int64_t bytes = row_bytes(layout, format, columns);
    const int per_group = GROUP / layout->scale_columns, halves = 32 * per_group;
    const int64_t codes = TILE_ROWS * GROUP * layout->bits / 8;
    int is_beyond = 0;
    memset(&decoded, 0, sizeof decoded);
    for (int64_t b = 0; b < columns / format->block_size; b++) {
        for (int64_t r = 0; r < rows; r++)
            format->decode(blocks + r * bytes + b * format->type_size, decoded.codes[r], decoded.scales[r],
                           decoded.minima[r]);
        for (int g = 0; g < format->block_size / GROUP; g++, tile += group_bytes(layout)) {
            write_codes(layout, &decoded, g * GROUP, tile);
            is_beyond |= write_halves(decoded.scales, g * per_group, per_group, tile + codes);
            if (layout->has_minima)
                is_beyond |= write_halves(decoded.minima, g * per_group, per_group, tile + codes + halves);
        }
    }
    return is_beyond;
}

static void pack_plain(int size, const uint8_t *values, int64_t rows, int64_t columns, uint8_t *tile) {
    memset(tile, 0, columns * TILE_ROWS * size);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < columns; k++)
            memcpy(tile + (k * TILE_ROWS + r) * size, values + (r * columns + k) * size, size);
}

typedef struct {
    const Part *part;
    const uint8_t *blocks;
    atomic_int is_beyond;
} Packing;

static void pack_share(Pool *pool, int thread, int num_threads, void *of) {
    Packing *packing = of;
    const Part *part = packing->part;
    const Layout *layout = part->layout;
    const BlockFormat *format = layout->storage == CODES ? block_format(layout->type) : 0;
    const int64_t columns = part->columns;
    const int64_t bytes = row_bytes(layout, format, columns);
    int64_t first, last;
    (void)pool;
    share(num_tiles(part), thread, num_threads, &first, &last);
    for (int64_t t = first; t < last; t++) {
        const int64_t row = t * TILE_ROWS, some = part->rows - row < TILE_ROWS ? part->rows - row : TILE_ROWS;
        const uint8_t *blocks = packing->blocks + row * bytes;
        uint8_t *tile = part->data + t * tile_bytes(layout, columns);
        if (!format) pack_plain(layout->bits / 8, blocks, some, columns, tile);
        else if (pack_codes(layout, format, blocks, some, columns, tile)) atomic_store(&packing->is_beyond, 1);
    }
}

int pack(const Part *part, Pool *pool, int num_threads, const uint8_t *blocks) {
    Packing packing = {.part = part, .blocks = blocks};
    pool_run(pool, num_threads, pack_share, &packing);
    return atomic_load(&packing.is_beyond);
}

static float half_at(const uint8_t *halves, int index) {
    _Float16 half;
    memcpy(&half, halves + 2 * index, 2);
    return (float)half;
}

static uint16_t to_bfloat(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if (value != value) return (uint16_t)(bits >> 16 | 64);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* What the codes of row `row` of a group mean. */
static void row_values(const Layout *layout, const uint8_t *group, const uint8_t codes[GROUP], int64_t row, float *out) {
    const int size = layout->scale_columns, per_group = GROUP / size;
    const uint8_t *scales = group + TILE_ROWS * GROUP * layout->bits / 8;
    for (int half = 0; half < per_group; half++, codes += size, out += size) {
        const int place = half * TILE_ROWS + (int)row;
        const float scale = half_at(scales, place);
        const float minimum = layout->has_minima ? half_at(scales + 32 * per_group, place) : 0;
        for (int k = 0; k < size; k++) out[k] = scale * (float)(codes[k] - layout->centre) + minimum;
    }
}

static void unpack_codes(const Layout *layout, const uint8_t *tile, int64_t rows, int64_t columns, uint16_t *out) {
    uint8_t codes[TILE_ROWS][GROUP];
    float values[GROUP];
    for (int64_t g = 0; g < columns / GROUP; g++, tile += group_bytes(layout), out += GROUP) {
        group_codes(layout, tile, codes);
        for (int64_t r = 0; r < rows; r++) {
            row_values(layout, tile, codes[r], r, values);
            for (int k = 0; k < GROUP; k++) out[r * columns + k] = to_bfloat(values[k]);
        }
    }
}

static float plain_at(Storage storage, const uint8_t *at) {
    if (storage == HALF) return half_at(at, 0);
    uint32_t bits = 0;
    if (storage == SINGLE) memcpy(&bits, at, 4);
    else memcpy((uint8_t *)&bits + 2, at, 2);
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static void unpack_plain(const Layout *layout, const uint8_t *tile, int64_t rows, int64_t columns, uint16_t *out) {
    const int size = layout->bits / 8;
    for (int64_t k = 0; k < columns; k++)
        for (int64_t r = 0; r < rows; r++)
            out[r * columns + k] = to_bfloat(plain_at(layout->storage, tile + (k * TILE_ROWS + r) * size));
}

typedef struct {
    const Part *part;
    uint16_t *out;
} Unpacking;

static void unpack_share(Pool *pool, int thread, int num_threads, void *of) {
    const Unpacking *unpacking = of;
    const Part *part = unpacking->part;
    const int64_t columns = part->columns;
    int64_t first, last;
    (void)pool;
    share(num_tiles(part), thread, num_threads, &first, &last);
    for (int64_t t = first; t < last; t++) {
        const int64_t row = t * TILE_ROWS, rows = part->rows - row < TILE_ROWS ? part->rows - row : TILE_ROWS;
        const uint8_t *tile = part->data + t * tile_bytes(part->layout, columns);
        uint16_t *out = unpacking->out + row * columns;
        if (part->layout->storage == CODES) unpack_codes(part->layout, tile, rows, columns, out);
        else unpack_plain(part->layout, tile, rows, columns, out);
    }
}

void unpack(const Part *part, Pool *pool, int num_threads, uint16_t *out) {
    Unpacking unpacking = {part, out};
    pool_run(pool, num_threads, unpack_share, &unpacking);
}

static void read_codes(const BlockFormat *format, const uint8_t *block, int64_t columns, float *out) {
    uint8_t codes[MAX_BLOCK];
    float scales[MAX_BLOCK / 16], minima[MAX_BLOCK / 16];
    for (int64_t start = 0; start < columns; start += format->block_size, block += format->type_size) {
        format->decode(block, codes, scales, minima);
        for (int k = 0; k < format->block_size; k++) {
            const int group = k / format->group_size, value = format->table ? format->table[codes[k]] : codes[k];
            out[start + k] = scales[group] * (float)value + minima[group];
        }
    }
}

void read_rows(const Part *stored, const int64_t *rows, int64_t count, float scale, float *out) {
    const Layout *layout = stored->layout;
    const BlockFormat *format = layout->storage == CODES ? block_format(layout->type) : 0;
    const int64_t columns = stored->columns, bytes = row_bytes(layout, format, columns), size = layout->bits / 8;
    for (int64_t i = 0; i < count; i++, out += columns) {
        const uint8_t *row = stored->data + rows[i] * bytes;
        if (format) read_codes(format, row, columns, out);
        else
            for (int64_t k = 0; k < columns; k++) out[k] = plain_at(layout->storage, row + k * size);
        for (int64_t k = 0; k < columns; k++) out[k] *= scale;
    }
}

static void read_tiled_codes(const Layout *layout, const uint8_t *tile, int64_t row, int64_t columns, float *out) {
    uint8_t codes[TILE_ROWS][GROUP];
    for (int64_t g = 0; g < columns / GROUP; g++, tile += group_bytes(layout), out += GROUP) {
        group_codes(layout, tile, codes);
        row_values(layout, tile, codes[row], row, out);
    }
}

void read_tiled_rows(const Part *part, const int64_t *rows, int64_t count, float scale, float *out) {
    const Layout *layout = part->layout;
    const int64_t columns = part->columns, size = layout->bits / 8;
    for (int64_t i = 0; i < count; i++, out += columns) {
        const int64_t row = rows[i] % TILE_ROWS;
        const uint8_t *tile = part->data + rows[i] / TILE_ROWS * tile_bytes(layout, columns);
        if (layout->storage == CODES) read_tiled_codes(layout, tile, row, columns, out);
        else
            for (int64_t k = 0; k < columns; k++)
                out[k] = plain_at(layout->storage, tile + (k * TILE_ROWS + row) * size);
        for (int64_t k = 0; k < columns; k++) out[k] *= scale;
    }
}
