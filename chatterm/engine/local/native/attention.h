/* Attention of few queries over the keys and values of their sequences, in blocks of positions.
 * Blocks lie at fixed positions and are joined in order, so a result does not depend on who computed which. */
#ifndef CHATTERM_ATTENTION_H
#define CHATTERM_ATTENTION_H

#include "decoder.h"

enum { BLOCK = 256 };

/* For each row, head and block: the highest score, the sum of exponentials, and their sum times the values. */
typedef struct {
    float *values;
    int64_t blocks; /* a row's and head's, at most */
} Partial;

int64_t partial_floats(const Decoder *decoder, const Pass *pass, Partial *partial);

/* What a thread needs for itself in `my_blocks`. */
int64_t scratch_floats(const Decoder *decoder, const Pass *pass);

/* This thread's share of the heads: normed, turned and scaled in place; keys and values stored. */
void my_heads(const Decoder *decoder, const Pass *pass, int64_t layer, float *qkv, int thread, int num_threads);

/* This thread's share of the blocks. */
void my_blocks(const Decoder *decoder, const Pass *pass, int64_t layer, const float *qkv, const Partial *partial,
               float *scratch, int thread, int num_threads);

/* Join what was computed for row `row` of the pass, which stands at `position`: (heads, head length). */
void join_blocks(const Decoder *decoder, int64_t layer, const Partial *partial, int64_t row, int64_t position,
                 float *out);

#endif
