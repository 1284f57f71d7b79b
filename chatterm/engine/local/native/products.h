/* Products of rows of x with tiles of a matrix. */
#ifndef CHATTERM_PRODUCTS_H
#define CHATTERM_PRODUCTS_H

#include "tiles.h"

/* Rows of x as the products want them: integers of 15 bits in groups of 32 columns, beside the numbers. */
typedef struct {
    int64_t columns;
    float *values;      /* (rows, columns) */
    int8_t *high, *low; /* (rows, columns): a value is its group's scale times (128 high + low) */
    float *scales;      /* (rows, columns / 32) */
    int32_t *sums;      /* (rows, columns / 16): of 128 high + low */
} Inputs;

/* Fill the integers, scales and sums of row `row` from its values. */
void quantise_row(const Inputs *x, int64_t row);

/* out[i * 16 + r] = row r of tile `tile` times row i of x, for i < rows. */
void tile_product(const Part *part, int64_t tile, const Inputs *x, int64_t rows, float *out);


/* The codes of a group, row by row; of table types the table's numbers with the centre added. */
void group_codes(const Layout *layout, const uint8_t *group, uint8_t codes[TILE_ROWS][GROUP]);

/* Whether the products are made for this processor; else they are right, but slower than torch's. */
int is_fast(void);

#endif
