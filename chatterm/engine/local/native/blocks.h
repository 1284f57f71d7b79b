/* What the bytes of ggml's block types mean: integer codes, a scale and a minimum a group of columns.
 *
 * Formats: the block structs and dequantize_row_* functions of ggml (ggml-common.h, ggml-quants.c).
 * Knows no kernels' layouts. The same facts in Python: packing.py, which the tests compare with. */
#ifndef CHATTERM_BLOCKS_H
#define CHATTERM_BLOCKS_H

#include <stdint.h>

typedef struct {
    int type;       /* ggml's number */
    int block_size; /* columns a block */
    int type_size;  /* bytes a block */
    int group_size; /* columns that share a scale: 16 or 32 */
    int bits;       /* 0 <= code < 2^bits */

    /* w = scale * code + minimum where this is NULL; else w = scale * table[code], and minima are 0. */
    const int8_t *table;

    /* Reads one block at any alignment: block_size codes in the order of columns, and block_size / group_size
     * scales and minima. In fp32 the product scale * code is exact and the sum is rounded once, fused or not,
     * so w is the number that ggml gives; only the sign of a zero can differ. */
    void (*decode)(const uint8_t *block, uint8_t *codes, float *scales, float *minima);
} BlockFormat;

/* Returns NULL for a type that is not quantised, or that is not known. */
const BlockFormat *block_format(int ggml_type);

#endif
