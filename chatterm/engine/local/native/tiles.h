/* How a matrix lies in memory: tiles of 16 rows, so that each lane of a vector belongs to one row and no sum
 * ever crosses lanes.
 *
 * A tile is its groups of 32 columns, one after the other. A group holds, in this order:
 *   nibbles   (4, 5 and 6 bits)  4 vectors of 64 bytes; vector s has the codes of columns 4s..4s+3 in its low
 *                                halves and those of columns 16+4s..16+4s+3 in its high halves
 *   bytes     (8 bits)           8 vectors; vector s has columns 4s..4s+3
 *   planes    (5, 6, 2, 3 bits)  for each bit above the nibble (2 and 3 bits: for each bit) 8 words of 64 bits,
 *                                one for each 4 columns
 *   scales    16 halves for each group that shares a scale (32 columns, or 16 and then two of them)
 *   minima    likewise, where the type has any
 * Byte or bit 4r + j of a vector or word belongs to row r, column j of the four.
 * w = scale * (code - centre) + minimum; with a table, w = scale * table[code], and the centre 128 makes its
 * numbers unsigned.
 * Unquantised matrices have, for each column, 16 values of their own type.
 */
#ifndef CHATTERM_TILES_H
#define CHATTERM_TILES_H

#include <stddef.h>
#include <stdint.h>

enum { TILE_ROWS = 16, GROUP = 32, MAX_PARTS = 3 };

typedef enum { CODES, HALF, BFLOAT, SINGLE } Storage;

typedef struct {
    int type; /* ggml's number */
    Storage storage;
    int bits;
    int scale_columns; /* 32 or 16 */
    int centre;
    int has_minima;
    int has_table; /* of 16 numbers, those of the block format: codes are places in it */
} Layout;

typedef struct {
    const Layout *layout;
    uint8_t *data;
    int64_t rows;
    int64_t columns;
} Part;

/* Matrices that multiply the same x, one under the other. */
typedef struct {
    Part parts[MAX_PARTS];
    int64_t num_parts;
    const float *bias; /* of all rows, or NULL */
} Matrix;

const Layout *find_layout(int type);
int64_t group_bytes(const Layout *layout);
int64_t tile_bytes(const Layout *layout, int64_t columns);
int64_t num_tiles(const Part *part);
int64_t matrix_rows(const Matrix *matrix);

#endif
