/* Products of rows of x with tiles of a matrix. */
#ifndef CHATTERM_PRODUCTS_H
#define CHATTERM_PRODUCTS_H

#include "tiles.h"

/* Rows of x as the products want them: 8-bit integers in groups of 32 columns beside the numbers themselves. */
typedef struct {
    int64_t columns;
    float *values;   /* (rows, columns) */
    int8_t *codes;   /* (rows, columns) */
    float *scales;   /* (rows, columns / 32): value = scale * code */
    int32_t *sums;   /* (rows, columns / 16): of codes */
} Inputs;

/* Fill codes, scales and sums of row `row` from its values. */
void quantise_row(const Inputs *x, int64_t row);

/* out[i * 16 + r] = row r of tile `tile` times row i of x, for i < rows. */
void tile_product(const Part *part, int64_t tile, const Inputs *x, int64_t rows, float *out);


/* The codes of a group, row by row; of table types the table's numbers with the centre added. */
void group_codes(const Layout *layout, const uint8_t *group, uint8_t codes[TILE_ROWS][GROUP]);

#endif
