/* Arithmetic on rows of floats, in a fixed order. Vectors are the compiler's own, for any processor. */
#ifndef CHATTERM_VECTORS_H
#define CHATTERM_VECTORS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float Lanes __attribute__((vector_size(64)));
typedef int32_t IntLanes __attribute__((vector_size(64)));

enum { LANES = 16 };

static inline Lanes load_lanes(const float *p) {
    Lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store_lanes(float *p, Lanes v) { memcpy(p, &v, sizeof v); }

/* The halves, quarters ... of two vectors added up: with each step half as many numbers of twice as many sums. */
#define SUM_HALVES(X, Y, LOWER, UPPER) \
    (__builtin_shuffle(X, Y, (IntLanes){LOWER}) + __builtin_shuffle(X, Y, (IntLanes){UPPER}))
#define LOWER_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define UPPER_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define LOWER_4 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define UPPER_4 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#define LOWER_2 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29
#define UPPER_2 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31
#define LOWER_1 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define UPPER_1 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31

/* Lane i becomes the sum of the lanes of rows[i]; the rows are used up. */
static inline Lanes sums_of_rows(Lanes rows[LANES]) {
    for (int i = 0; i < 8; i++) rows[i] = SUM_HALVES(rows[2 * i], rows[2 * i + 1], LOWER_8, UPPER_8);
    for (int i = 0; i < 4; i++) rows[i] = SUM_HALVES(rows[2 * i], rows[2 * i + 1], LOWER_4, UPPER_4);
    for (int i = 0; i < 2; i++) rows[i] = SUM_HALVES(rows[2 * i], rows[2 * i + 1], LOWER_2, UPPER_2);
    return SUM_HALVES(rows[0], rows[1], LOWER_1, UPPER_1);
}

static inline float sum_of_lanes(Lanes v) {
    v = SUM_HALVES(v, v, LOWER_8, UPPER_8);
    v = SUM_HALVES(v, v, LOWER_4, UPPER_4);
    v = SUM_HALVES(v, v, LOWER_2, UPPER_2);
    return SUM_HALVES(v, v, LOWER_1, UPPER_1)[0];
}

static inline Lanes larger_lanes(Lanes a, Lanes b) {
    const IntLanes is_first = a > b;
    return (Lanes)(((IntLanes)a & is_first) | ((IntLanes)b & ~is_first));
}

/* Half floats, as keys and values are kept. */
#if defined(__AVX512F__)
#include <immintrin.h>
static inline Lanes load_half_lanes(const uint16_t *p) {
    return (Lanes)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
#elif defined(__F16C__)
#include <immintrin.h>
static inline Lanes load_half_lanes(const uint16_t *p) {
    float eight[2][8];
    Lanes v;
    for (int i = 0; i < 2; i++)
        _mm256_storeu_ps(eight[i], _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8 * i))));
    memcpy(&v, eight, sizeof v);
    return v;
}
#else
static inline Lanes load_half_lanes(const uint16_t *p) {
    _Float16 halves[LANES];
    Lanes v;
    memcpy(halves, p, sizeof halves);
    for (int i = 0; i < LANES; i++) v[i] = (float)halves[i];
    return v;
}
#endif

static inline void narrow(const float *from, int64_t n, uint16_t *halves) {
    for (int64_t i = 0; i < n; i++) {
        const _Float16 half = (_Float16)from[i];
        memcpy(halves + i, &half, 2);
    }
}

static inline void widen(const uint16_t *halves, int64_t n, float *to) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) store_lanes(to + i, load_half_lanes(halves + i));
    for (; i < n; i++) {
        _Float16 half;
        memcpy(&half, halves + i, 2);
        to[i] = (float)half;
    }
}

static inline float dot_floats(const float *a, const float *b, int64_t n) {
    Lanes sum = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) sum += load_lanes(a + i) * load_lanes(b + i);
    float rest = 0;
    for (; i < n; i++) rest += a[i] * b[i];
    return sum_of_lanes(sum) + rest;
}

/* e^x within 2 ulp for x <= 88: the polynomial of Cephes' expf. Below -87 about 1e-38; NaN stays NaN. */
static inline Lanes exp_lanes(Lanes x) {
    const Lanes low = (Lanes){0} - 87.0f;
    const IntLanes is_low = x < low;
    x = (Lanes)(((IntLanes)x & ~is_low) | ((IntLanes)low & is_low));
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    Lanes n = x * 1.44269504088896341f + round;
    n = n - round;
    Lanes f = x - n * 0.693359375f + n * 2.12194440e-4f;
    Lanes y = f * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * f + 8.3334519073e-3f;
    y = y * f + 4.1665795894e-2f;
    y = y * f + 1.6666665459e-1f;
    y = y * f + 5.0000001201e-1f;
    y = y * f * f + f + 1.0f;
    IntLanes power = (__builtin_convertvector(n, IntLanes) + 127) << 23;
    return y * (Lanes)power;
}

/* y = x w / sqrt(|x|^2 + n epsilon): the root-mean-square norm with sqrt(n) in the weights. x may be y. */
static inline void norm_row(const float *x, const float *weight, int64_t n, float epsilon, float *y) {
    const float factor = 1.0f / sqrtf(dot_floats(x, x, n) + (float)n * epsilon);
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * factor * weight[i];
}

static inline Lanes at_most_87(Lanes x) {
    const Lanes high = (Lanes){0} + 87.0f;
    const IntLanes is_high = x > high;
    return (Lanes)(((IntLanes)x & ~is_high) | ((IntLanes)high & is_high));
}

static inline Lanes silu_lanes(Lanes g) { return g / (1.0f + exp_lanes(at_most_87(-g))); }

/* x (1 + tanh u) / 2 = x / (1 + e^-2u) with u = sqrt(2 / pi) (x + 0.044715 x^3). */
static inline Lanes gelu_lanes(Lanes x) {
    Lanes twice = (x + 0.044715f * x * x * x) * -1.5957691216057308f;
    return x / (1.0f + exp_lanes(at_most_87(twice)));
}

#endif
