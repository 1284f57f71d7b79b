/* A decoder of the llama family and its relatives: from rows of embeddings to logits, for few tokens at once.
 * The arithmetic is that of chatterm/engine/local/decoder/decoder.py, which says where the families differ.
 *
 * A token's numbers depend on the tokens before it in its sequence and on nothing else: not on how many rows
 * a pass has, which sequences they belong to, or how many threads share the work. */
#ifndef CHATTERM_DECODER_H
#define CHATTERM_DECODER_H

#include "threads.h"
#include "tiles.h"

enum { MAX_ROWS = 64 }; /* of x in one call */

/* All pointers to norms and biases may be NULL. */
typedef struct {
    const float *attention_norm, *post_attention_norm, *ffn_norm, *post_ffn_norm;
    const float *query_norm, *key_norm;
    Matrix qkv, attention_output, gate_up, ffn_down;
    int64_t rope_dimensions; /* the first so many values of a head turn, 2i and 2i + 1 together; 0: none */
    int64_t window; /* positions seen, 0: all */
} Layer;

typedef struct {
    int64_t width, ffn_width, num_heads, num_kv_heads, head_length;
    int64_t is_full_qk_norm; /* over all heads at once, else over each */
    int64_t is_gelu;         /* gelu by tanh, else silu */
    float epsilon, query_scale, residual_scale, attention_softcap; /* 0: no cap */
    int64_t num_layers;
    const Layer *layers;
    const float *output_norm;
    Matrix head;
} Decoder;

/* The next tokens of one sequence. */
typedef struct {
    uint16_t *const *keys_values; /* for each layer half floats (2, kv heads, capacity, head length) */
    int64_t capacity, start, num_tokens;
} Segment;

typedef struct {
    int64_t num_rows;
    float *x;                  /* (rows, width): embeddings, overwritten */
    const float *const *ropes; /* for each layer (positions, dimensions / 2, 2): cosine and sine, scaled */
    int64_t num_segments;
    const Segment *segments;
    int64_t num_outputs;
    const int64_t *outputs; /* rows whose logits are wanted */
    float *logits;          /* (outputs, rows of the head) */
} Pass;

/* Returns 0, or 1 where memory is short. */
int decode(const Decoder *decoder, Pool *pool, int num_threads, const Pass *pass);

/* y (rows, rows of the matrix) = x W^T + bias. Returns as decode. */
int multiply(const Matrix *matrix, Pool *pool, int num_threads, const float *x, int64_t num_rows, float *y);

#endif
