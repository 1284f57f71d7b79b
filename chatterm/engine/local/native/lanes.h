/* Vectors of 16 lanes: 4 bytes in each, their sums, and floats. One for AVX-512 with VNNI, one for AVX2, and one in
 * plain C, which is right everywhere and fast nowhere. */
#ifndef CHATTERM_LANES_H
#define CHATTERM_LANES_H

#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* dot: sum + the 4 codes of each lane times the 4 numbers at x; is_wide where codes have more than 7 bits. */

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__)
#include <immintrin.h>
#define ARE_LANES_FAST 1
typedef __m512i Bytes;
typedef __m512i Ints;
typedef __m512 Floats;
INLINE Bytes load_bytes(const uint8_t *p) { return _mm512_loadu_si512(p); }
INLINE Bytes low_halves(Bytes v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
INLINE Bytes high_halves(Bytes v) { return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15)); }
INLINE Bytes add_plane(Bytes v, uint64_t plane, int value) {
    return _mm512_mask_add_epi8(v, plane, v, _mm512_set1_epi8((char)value));
}
INLINE Bytes zero_bytes(void) { return _mm512_setzero_si512(); }
INLINE Bytes look_up(Bytes codes, const int8_t *table) {
    const Bytes all = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
    return _mm512_xor_si512(_mm512_shuffle_epi8(all, codes), _mm512_set1_epi8((char)128));
}
INLINE Ints all_ints(int32_t v) { return _mm512_set1_epi32(v); }
INLINE Ints dot(Ints sum, Bytes w, const int8_t *x, int is_wide) {
    (void)is_wide;
    int32_t four;
    memcpy(&four, x, 4);
    return _mm512_dpbusd_epi32(sum, w, _mm512_set1_epi32(four));
}
INLINE Ints join(Ints high, Ints low) { return _mm512_add_epi32(_mm512_slli_epi32(high, 7), low); }
INLINE Floats zero_floats(void) { return _mm512_setzero_ps(); }
INLINE Floats all_floats(float v) { return _mm512_set1_ps(v); }
INLINE Floats load_floats(const float *p) { return _mm512_loadu_ps(p); }
INLINE Floats load_halves(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE Floats load_bfloats(const uint8_t *p) {
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
INLINE Floats to_floats(Ints v) { return _mm512_cvtepi32_ps(v); }
INLINE Floats times(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
INLINE Floats times_plus(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
INLINE void store_floats(float *p, Floats v) { _mm512_storeu_ps(p, v); }
INLINE void store_bytes(uint8_t *p, Bytes v) { _mm512_storeu_si512(p, v); }
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>
#define ARE_LANES_FAST 1
typedef struct {
    __m256i a, b;
} Bytes;
typedef Bytes Ints;
typedef struct {
    __m256 a, b;
} Floats;
#define BOTH(A, B) {A, B}
INLINE Bytes load_bytes(const uint8_t *p) {
    return (Bytes)BOTH(_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32)));
}
INLINE Bytes low_halves(Bytes v) {
    const __m256i mask = _mm256_set1_epi8(15);
    return (Bytes)BOTH(_mm256_and_si256(v.a, mask), _mm256_and_si256(v.b, mask));
}
INLINE Bytes high_halves(Bytes v) {
    return low_halves((Bytes)BOTH(_mm256_srli_epi16(v.a, 4), _mm256_srli_epi16(v.b, 4)));
}
INLINE Bytes zero_bytes(void) { return (Bytes)BOTH(_mm256_setzero_si256(), _mm256_setzero_si256()); }
/* `value` in each byte whose bit is set. */
INLINE __m256i spread(uint32_t bits, int value) {
    const __m256i places = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i mine = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), places), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(mine, bit), _mm256_set1_epi8((char)value));
}
INLINE Bytes add_plane(Bytes v, uint64_t plane, int value) {
    return (Bytes)BOTH(_mm256_add_epi8(v.a, spread((uint32_t)plane, value)),
                       _mm256_add_epi8(v.b, spread((uint32_t)(plane >> 32), value)));
}
INLINE Bytes look_up(Bytes codes, const int8_t *table) {
    const __m256i all = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    const __m256i centre = _mm256_set1_epi8((char)128);
    return (Bytes)BOTH(_mm256_xor_si256(_mm256_shuffle_epi8(all, codes.a), centre),
                       _mm256_xor_si256(_mm256_shuffle_epi8(all, codes.b), centre));
}
INLINE Ints all_ints(int32_t v) { return (Ints)BOTH(_mm256_set1_epi32(v), _mm256_set1_epi32(v)); }
#if defined(__AVXVNNI__)
INLINE __m256i dot_half(__m256i sum, __m256i w, __m256i x, int is_wide) {
    (void)is_wide;
    return _mm256_dpbusd_avx_epi32(sum, w, x);
}
#else
/* The product of bytes sums pairs in 16 bits, which hold codes of up to 7 bits: wide ones go by halves. */
INLINE __m256i dot_half(__m256i sum, __m256i w, __m256i x, int is_wide) {
    const __m256i one = _mm256_set1_epi16(1), sixteen = _mm256_set1_epi16(16), mask = _mm256_set1_epi8(15);
    if (!is_wide) return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), one));
    const __m256i low = _mm256_maddubs_epi16(_mm256_and_si256(w, mask), x);
    const __m256i high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(w, 4), mask), x);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, one));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(high, sixteen));
}
#endif
INLINE Ints dot(Ints sum, Bytes w, const int8_t *x, int is_wide) {
    int32_t four;
    memcpy(&four, x, 4);
    const __m256i all = _mm256_set1_epi32(four);
    return (Ints)BOTH(dot_half(sum.a, w.a, all, is_wide), dot_half(sum.b, w.b, all, is_wide));
}
INLINE Ints join(Ints high, Ints low) {
    return (Ints)BOTH(_mm256_add_epi32(_mm256_slli_epi32(high.a, 7), low.a),
                      _mm256_add_epi32(_mm256_slli_epi32(high.b, 7), low.b));
}
INLINE Floats zero_floats(void) { return (Floats)BOTH(_mm256_setzero_ps(), _mm256_setzero_ps()); }
INLINE Floats all_floats(float v) { return (Floats)BOTH(_mm256_set1_ps(v), _mm256_set1_ps(v)); }
INLINE Floats load_floats(const float *p) { return (Floats)BOTH(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)); }
INLINE Floats load_halves(const uint8_t *p) {
    return (Floats)BOTH(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 16))));
}
INLINE __m256 eight_bfloats(const uint8_t *p) {
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}
INLINE Floats load_bfloats(const uint8_t *p) { return (Floats)BOTH(eight_bfloats(p), eight_bfloats(p + 16)); }
INLINE Floats to_floats(Ints v) { return (Floats)BOTH(_mm256_cvtepi32_ps(v.a), _mm256_cvtepi32_ps(v.b)); }
INLINE Floats times(Floats a, Floats b) { return (Floats)BOTH(_mm256_mul_ps(a.a, b.a), _mm256_mul_ps(a.b, b.b)); }
INLINE Floats times_plus(Floats a, Floats b, Floats c) {
    return (Floats)BOTH(_mm256_fmadd_ps(a.a, b.a, c.a), _mm256_fmadd_ps(a.b, b.b, c.b));
}
INLINE void store_floats(float *p, Floats v) {
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
}
INLINE void store_bytes(uint8_t *p, Bytes v) {
    _mm256_storeu_si256((__m256i *)p, v.a);
    _mm256_storeu_si256((__m256i *)(p + 32), v.b);
}
#else
#define ARE_LANES_FAST 0
typedef uint8_t Bytes __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef float Floats __attribute__((vector_size(64)));
INLINE Bytes load_bytes(const uint8_t *p) { Bytes v; memcpy(&v, p, 64); return v; }
INLINE Bytes low_halves(Bytes v) { return v & 15; }
INLINE Bytes high_halves(Bytes v) { return v >> 4; }
INLINE Bytes zero_bytes(void) { return (Bytes){0}; }
INLINE Bytes add_plane(Bytes v, uint64_t plane, int value) {
    uint8_t bytes[64];
    for (int i = 0; i < 64; i++) bytes[i] = (uint8_t)((plane >> i & 1) * (unsigned)value);
    return v + load_bytes(bytes);
}
INLINE Bytes look_up(Bytes codes, const int8_t *table) {
    Bytes v;
    for (int i = 0; i < 64; i++) v[i] = (uint8_t)(table[codes[i]] + 128);
    return v;
}
INLINE Ints all_ints(int32_t v) { return v - (Ints){0}; }
INLINE Ints dot(Ints sum, Bytes w, const int8_t *x, int is_wide) {
    (void)is_wide;
    uint8_t bytes[64];
    int32_t sums[16];
    memcpy(bytes, &w, 64);
    for (int r = 0; r < 16; r++)
        sums[r] = bytes[4 * r] * x[0] + bytes[4 * r + 1] * x[1] + bytes[4 * r + 2] * x[2] + bytes[4 * r + 3] * x[3];
    Ints more;
    memcpy(&more, sums, 64);
    return sum + more;
}
INLINE Ints join(Ints high, Ints low) { return high * 128 + low; }
INLINE Floats zero_floats(void) { return (Floats){0}; }
INLINE Floats all_floats(float v) { return v - (Floats){0}; }
INLINE Floats load_floats(const float *p) { Floats v; memcpy(&v, p, 64); return v; }
INLINE Floats load_halves(const uint8_t *p) {
    _Float16 halves[16];
    Floats v;
    memcpy(halves, p, 32);
    for (int i = 0; i < 16; i++) v[i] = (float)halves[i];
    return v;
}
INLINE Floats load_bfloats(const uint8_t *p) {
    uint16_t parts[16];
    uint32_t words[16];
    Floats v;
    memcpy(parts, p, 32);
    for (int i = 0; i < 16; i++) words[i] = (uint32_t)parts[i] << 16;
    memcpy(&v, words, 64);
    return v;
}
INLINE Floats to_floats(Ints v) { return __builtin_convertvector(v, Floats); }
INLINE Floats times(Floats a, Floats b) { return a * b; }
INLINE Floats times_plus(Floats a, Floats b, Floats c) { return a * b + c; }
INLINE void store_floats(float *p, Floats v) { memcpy(p, &v, 64); }
INLINE void store_bytes(uint8_t *p, Bytes v) { memcpy(p, &v, 64); }
#endif

#endif
