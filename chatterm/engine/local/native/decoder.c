#include "decoder.h"

#include <stdlib.h>

#include "attention.h"
#include "products.h"
#include "vectors.h"

/* What one thread has for itself. Each keeps the whole residual stream, and adds to it what all of them made:
 * that is cheaper than one more wait. */
typedef struct {
    float *x, *scratch;
    Inputs inputs;
} Own;

/* What the threads of a pass share: each writes its share, and reads the others' after a wait. */
typedef struct {
    const Decoder *decoder;
    const Pass *pass;
    float *qkv, *made, *hidden;
    Partial partial;
    Own *own;
} Run;

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static void *take(char **arena, int64_t bytes) {
    char *start = *arena;
    *arena += (bytes + 63) / 64 * 64;
    return start;
}

static Own lay_own(int64_t rows, int64_t width, int64_t columns, char **arena) {
    Own own;
    const int64_t groups = columns / GROUP + 1;
    own.x = take(arena, rows * width * 4);
    own.inputs.values = take(arena, rows * columns * 4);
    own.inputs.high = take(arena, rows * columns);
    own.inputs.low = take(arena, rows * columns);
    own.inputs.scales = take(arena, rows * groups * 4);
    own.inputs.sums = take(arena, rows * groups * 8);
    return own;
}

static int64_t qkv_width(const Decoder *d) { return (d->num_heads + 2 * d->num_kv_heads) * d->head_length; }

/* Place everything in an arena from `arena` on, and return the arena's end. */
static char *lay_out(Run *run, int num_threads, char *arena, int is_there) {
    const Decoder *d = run->decoder;
    const int64_t rows = run->pass->num_rows;
    const int64_t widest = larger(larger(d->width, d->ffn_width), d->num_heads * d->head_length);
    run->qkv = take(&arena, rows * qkv_width(d) * 4);
    run->made = take(&arena, rows * d->width * 4);
    run->hidden = take(&arena, rows * d->ffn_width * 4);
    run->partial.values = take(&arena, partial_floats(d, run->pass, &run->partial) * 4);
    run->own = take(&arena, num_threads * (int64_t)sizeof(Own));
    for (int t = 0; t < num_threads; t++) {
        Own own = lay_own(rows, d->width, widest, &arena);
        own.scratch = take(&arena, scratch_floats(d, run->pass) * 4);
        if (is_there) run->own[t] = own;
    }
    return arena;
}

/* Which part of a matrix its tile number `tile` is in; `tile` becomes the part's own, `row` the part's first. */
static const Part *find_part(const Matrix *matrix, int64_t *tile, int64_t *row) {
    const Part *part = matrix->parts;
    for (*row = 0; *tile >= num_tiles(part); part++) {
        *tile -= num_tiles(part);
        *row += part->rows;
    }
    return part;
}

static int64_t all_tiles(const Matrix *matrix) {
    int64_t tiles = 0;
    for (int64_t i = 0; i < matrix->num_parts; i++) tiles += num_tiles(matrix->parts + i);
    return tiles;
}

/* The products of tile number `tile` with all rows of x; returns the first row of y they are, and how many. */
static int64_t one_tile(const Matrix *matrix, int64_t tile, const Inputs *x, int64_t rows, float *products,
                        int64_t *count) {
    int64_t row;
    const Part *part = find_part(matrix, &tile, &row);
    const int64_t there = part->rows - tile * TILE_ROWS;
    tile_product(part, tile, x, rows, products);
    *count = there < TILE_ROWS ? there : TILE_ROWS;
    return row + tile * TILE_ROWS;
}

/* This thread's share of y = x W^T + bias. */
static void my_product(const Matrix *matrix, const Inputs *x, int64_t rows, float *y, int thread, int num_threads) {
    const int64_t width = matrix_rows(matrix);
    float products[MAX_ROWS * TILE_ROWS];
    int64_t first, last, count;
    share(all_tiles(matrix), thread, num_threads, &first, &last);
    for (int64_t tile = first; tile < last; tile++) {
        const int64_t row = one_tile(matrix, tile, x, rows, products, &count);
        for (int64_t i = 0; i < rows; i++) {
            float *out = y + i * width + row;
            memcpy(out, products + i * TILE_ROWS, (size_t)count * 4);
            for (int64_t r = 0; matrix->bias && r < count; r++) out[r] += matrix->bias[row + r];
        }
    }
}

static void activate(float *gate, const float *up, int64_t n, int is_gelu) {
    for (int64_t i = 0; i < n; i += LANES) {
        Lanes g = load_lanes(gate + i);
        store_lanes(gate + i, (is_gelu ? gelu_lanes(g) : silu_lanes(g)) * load_lanes(up + i));
    }
}

/* This thread's share of activation(gate) * up; the matrix is gate, then up. */
static void my_gated_product(const Run *run, const Matrix *matrix, const Inputs *x, int thread, int num_threads) {
    const Decoder *d = run->decoder;
    const int64_t rows = run->pass->num_rows, tiles = all_tiles(matrix) / 2;
    float gate[MAX_ROWS * TILE_ROWS], up[MAX_ROWS * TILE_ROWS];
    int64_t first, last, count;
    share(tiles, thread, num_threads, &first, &last);
    for (int64_t tile = first; tile < last; tile++) {
        one_tile(matrix, tile + tiles, x, rows, up, &count);
        const int64_t column = one_tile(matrix, tile, x, rows, gate, &count);
        activate(gate, up, rows * TILE_ROWS, (int)d->is_gelu);
        for (int64_t i = 0; i < rows; i++)
            memcpy(run->hidden + i * d->ffn_width + column, gate + i * TILE_ROWS, (size_t)count * 4);
    }
}

static void take_inputs(Inputs *inputs, const float *x, int64_t rows, int64_t columns) {
    inputs->columns = columns;
    if (x != inputs->values) memcpy(inputs->values, x, (size_t)(rows * columns) * 4);
    for (int64_t i = 0; i < rows; i++) quantise_row(inputs, i);
}

/* The residual stream, normed where `weight` is given, becomes the input of the next product. */
static void take_stream(const Run *run, Own *own, const float *weight) {
    const int64_t width = run->decoder->width, rows = run->pass->num_rows;
    float *values = own->inputs.values;
    for (int64_t i = 0; weight && i < rows; i++)
        norm_row(own->x + i * width, weight, width, run->decoder->epsilon, values + i * width);
    take_inputs(&own->inputs, weight ? values : own->x, rows, width);
}

/* Add what a block made to the residual stream, normed where `weight` is given. */
static void add_made(const Run *run, Own *own, const float *weight) {
    const Decoder *d = run->decoder;
    for (int64_t i = 0; i < run->pass->num_rows; i++) {
        const float *made = run->made + i * d->width;
        if (weight) norm_row(made, weight, d->width, d->epsilon, own->inputs.values);
        if (weight) made = own->inputs.values;
        float *x = own->x + i * d->width;
        for (int64_t k = 0; k < d->width; k++) x[k] += d->residual_scale * made[k];
    }
}

static void take_attended(const Run *run, Own *own, int64_t layer) {
    const Decoder *d = run->decoder;
    const int64_t columns = d->num_heads * d->head_length;
    int64_t row = 0;
    for (int64_t i = 0; i < run->pass->num_segments; i++)
        for (int64_t t = 0; t < run->pass->segments[i].num_tokens; t++, row++)
            join_blocks(d, layer, &run->partial, row, run->pass->segments[i].start + t,
                        own->inputs.values + row * columns);
    take_inputs(&own->inputs, own->inputs.values, row, columns);
}

static void my_layer(Pool *pool, const Run *run, Own *own, int64_t index, int thread, int num_threads) {
    const Decoder *d = run->decoder;
    const Layer *layer = d->layers + index;
    const int64_t rows = run->pass->num_rows;
    take_stream(run, own, layer->attention_norm);
    my_product(&layer->qkv, &own->inputs, rows, run->qkv, thread, num_threads);
    pool_wait(pool);
    my_heads(d, run->pass, index, run->qkv, thread, num_threads);
    pool_wait(pool);
    my_blocks(d, run->pass, index, run->qkv, &run->partial, own->scratch, thread, num_threads);
    pool_wait(pool);
    take_attended(run, own, index);
    my_product(&layer->attention_output, &own->inputs, rows, run->made, thread, num_threads);
    pool_wait(pool);
    add_made(run, own, layer->post_attention_norm);
    take_stream(run, own, layer->ffn_norm);
    my_gated_product(run, &layer->gate_up, &own->inputs, thread, num_threads);
    pool_wait(pool);
    take_inputs(&own->inputs, run->hidden, rows, d->ffn_width);
    my_product(&layer->ffn_down, &own->inputs, rows, run->made, thread, num_threads);
    pool_wait(pool);
    add_made(run, own, layer->post_ffn_norm);
}

static void my_pass(Pool *pool, int thread, int num_threads, void *of) {
    const Run *run = of;
    const Decoder *d = run->decoder;
    const Pass *pass = run->pass;
    Own *own = run->own + thread;
    memcpy(own->x, pass->x, (size_t)(pass->num_rows * d->width) * 4);
    for (int64_t layer = 0; layer < d->num_layers; layer++) my_layer(pool, run, own, layer, thread, num_threads);
    for (int64_t i = 0; i < pass->num_outputs; i++)
        norm_row(own->x + pass->outputs[i] * d->width, d->output_norm, d->width, d->epsilon,
                 own->inputs.values + i * d->width);
    take_inputs(&own->inputs, own->inputs.values, pass->num_outputs, d->width);
    if (pass->num_outputs) my_product(&d->head, &own->inputs, pass->num_outputs, pass->logits, thread, num_threads);
}

int decode(const Decoder *decoder, Pool *pool, int num_threads, const Pass *pass) {
    Run run = {.decoder = decoder, .pass = pass};
    const int64_t bytes = lay_out(&run, num_threads, 0, 0) - (char *)0;
    char *arena = aligned_alloc(64, (size_t)bytes);
    if (!arena) return 1;
    lay_out(&run, num_threads, arena, 1);
    pool_run(pool, num_threads, my_pass, &run);
    free(arena);
    return 0;
}

typedef struct {
    const Matrix *matrix;
    const Inputs *x;
    int64_t rows;
    float *y;
} Product;

static void my_rows(Pool *pool, int thread, int num_threads, void *of) {
    const Product *product = of;
    (void)pool;
    my_product(product->matrix, product->x, product->rows, product->y, thread, num_threads);
}

int multiply(const Matrix *matrix, Pool *pool, int num_threads, const float *x, int64_t num_rows, float *y) {
    const int64_t columns = matrix->parts[0].columns;
    char *end = 0;
    lay_own(num_rows, 0, columns, &end);
    char *arena = aligned_alloc(64, (size_t)(end - (char *)0)), *rest = arena;
    if (!arena) return 1;
    Own own = lay_own(num_rows, 0, columns, &rest);
    take_inputs(&own.inputs, x, num_rows, columns);
    Product product = {matrix, &own.inputs, num_rows, y};
    pool_run(pool, num_threads, my_rows, &product);
    free(arena);
    return 0;
}
