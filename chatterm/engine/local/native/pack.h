/* From a file's blocks to tiles, and from tiles to plain numbers. */
#ifndef CHATTERM_PACK_H
#define CHATTERM_PACK_H

#include "threads.h"
#include "tiles.h"

/* Fill the tiles at part->data from `blocks`, rows as the file stores them; rows of the last tile that are not
 * there become zeros. Returns 0, or 1 where a scale is beyond what a half can hold. */
int pack(const Part *part, Pool *pool, int num_threads, const uint8_t *blocks);

/* Write the part as bfloat16 (rows, columns). */
void unpack(const Part *part, Pool *pool, int num_threads, uint16_t *out);

/* Write some rows of a matrix, times `scale`: (count, columns). `stored` has the file's blocks in place of tiles. */
void read_rows(const Part *stored, const int64_t *rows, int64_t count, float scale, float *out);

/* The same from a matrix in tiles. */
void read_tiled_rows(const Part *part, const int64_t *rows, int64_t count, float scale, float *out);

#endif
