#include "tiles.h"

static const Layout LAYOUTS[] = {
    {0, SINGLE, 32, 0, 0, 0, 0},       /* F32 */
    {1, HALF, 16, 0, 0, 0, 0},         /* F16 */
    {30, BFLOAT, 16, 0, 0, 0, 0},      /* BF16 */
    {2, CODES, 4, 32, 8, 0, 0},        /* Q4_0 */
    {3, CODES, 4, 32, 0, 1, 0},        /* Q4_1 */
    {6, CODES, 5, 32, 16, 0, 0},       /* Q5_0 */
    {7, CODES, 5, 32, 0, 1, 0},        /* Q5_1 */
    {8, CODES, 8, 32, 128, 0, 0},      /* Q8_0 */
    {10, CODES, 2, 16, 0, 1, 0},       /* Q2_K */
    {11, CODES, 3, 16, 4, 0, 0},       /* Q3_K */
    {12, CODES, 4, 32, 0, 1, 0},       /* Q4_K */
    {13, CODES, 5, 32, 0, 1, 0},       /* Q5_K */
    {14, CODES, 6, 16, 32, 0, 0},      /* Q6_K */
    {20, CODES, 4, 32, 128, 0, 1}, /* IQ4_NL */
    {23, CODES, 4, 32, 128, 0, 1}, /* IQ4_XS */
    {39, CODES, 4, 32, 128, 0, 1},   /* MXFP4 */
};

const Layout *find_layout(int type) {
    for (unsigned i = 0; i < sizeof LAYOUTS / sizeof *LAYOUTS; i++)
        if (LAYOUTS[i].type == type) return &LAYOUTS[i];
    return 0;
}

int64_t group_bytes(const Layout *layout) {
    if (layout->storage != CODES) return GROUP * TILE_ROWS * layout->bits / 8;
    int64_t codes = TILE_ROWS * GROUP * layout->bits / 8;
    return codes + (1 + layout->has_minima) * 2 * TILE_ROWS * (GROUP / layout->scale_columns);
}

int64_t tile_bytes(const Layout *layout, int64_t columns) {
    return layout->storage == CODES ? columns / GROUP * group_bytes(layout) : columns * TILE_ROWS * layout->bits / 8;
}

int64_t num_tiles(const Part *part) { return (part->rows + TILE_ROWS - 1) / TILE_ROWS; }

int64_t matrix_rows(const Matrix *matrix) {
    int64_t rows = 0;
    for (int64_t i = 0; i < matrix->num_parts; i++) rows += matrix->parts[i].rows;
    return rows;
}
