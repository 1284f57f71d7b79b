#include "blocks.h"

#include <string.h>

/* ggml's kvalues_iq4nl: what the codes of IQ4_NL and IQ4_XS stand for. */
static const int8_t IQ4_TABLE[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/* Twice the values of E2M1 (OCP Microscaling Formats 1.0): ggml's kvalues_mxfp4. */
static const int8_t MXFP4_TABLE[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Reads a little-endian IEEE 754 binary16. */
static float read_half(const uint8_t *bytes) {
    const uint32_t half = bytes[0] | (uint32_t)bytes[1] << 8;
    const uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31) return from_bits(sign | 0x7F800000 | fraction << 13);
    if (exponent) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    const float tiny = (float)fraction * 0x1p-24f; /* subnormal */
    return sign ? -tiny : tiny;
}

static uint32_t read_u32(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Low halves of n bytes, then their high halves. */
static void read_nibbles(const uint8_t *bytes, int n, uint8_t *codes) {
    for (int i = 0; i < n; i++) {
        codes[i] = bytes[i] & 15;
        codes[i + n] = bytes[i] >> 4;
    }
}

/* n bytes hold 8 / bits values each: first the lowest field of all of them, then the next. */
static void read_fields(const uint8_t *bytes, int n, int bits, uint8_t *codes) {
    for (int shift = 0; shift < 8; shift += bits)
        for (int i = 0; i < n; i++) *codes++ = bytes[i] >> shift & ((1 << bits) - 1);
}

/* Adds to the codes of one block of 32 their fifth bits: bit i of four bytes is that of code i. */
static void add_fifth_bits(const uint8_t *bytes, uint8_t *codes) {
    const uint32_t high = read_u32(bytes);
    for (int i = 0; i < 32; i++) codes[i] |= (uint8_t)((high >> i & 1) << 4);
}

static void decode_q4_0(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    read_nibbles(block + 2, 16, codes);
    scales[0] = read_half(block);
    minima[0] = -8 * scales[0];
}

static void decode_q4_1(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    read_nibbles(block + 4, 16, codes);
    scales[0] = read_half(block);
    minima[0] = read_half(block + 2);
}

static void decode_q5_0(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    read_nibbles(block + 6, 16, codes);
    add_fifth_bits(block + 2, codes);
    scales[0] = read_half(block);
    minima[0] = -16 * scales[0];
}

static void decode_q5_1(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    read_nibbles(block + 8, 16, codes);
    add_fifth_bits(block + 4, codes);
    scales[0] = read_half(block);
    minima[0] = read_half(block + 2);
}

static void decode_q8_0(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    for (int i = 0; i < 32; i++) codes[i] = block[2 + i] ^ 0x80; /* signed + 128 */
    scales[0] = read_half(block);
    minima[0] = -128 * scales[0];
}

static void decode_iq4_nl(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    read_nibbles(block + 2, 16, codes);
    scales[0] = read_half(block);
    minima[0] = 0;
}

/* The first byte e means 2^(e - 128), half of its E8M0 value as the table is doubled; 255 is no NaN to ggml. */
static void decode_mxfp4(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    const uint32_t exponent = block[0];
    read_nibbles(block + 1, 16, codes);
    scales[0] = from_bits(exponent < 2 ? 0x00200000u << exponent : (exponent - 1) << 23);
    minima[0] = 0;
}

/* Two runs of 32 bytes with 128 2-bit codes each. */
static void read_pairs(const uint8_t *bytes, uint8_t *codes) {
    for (int half = 0; half < 2; half++) read_fields(bytes + 32 * half, 32, 2, codes + 128 * half);
}

/* 16 bytes of scale (low half) and minimum, 64 of codes, then d and dmin. */
static void decode_q2_k(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    const float d = read_half(block + 80), dmin = read_half(block + 82);
    read_pairs(block + 16, codes);
    for (int g = 0; g < 16; g++) {
        scales[g] = d * (float)(block[g] & 15);
        minima[g] = -(dmin * (float)(block[g] >> 4));
    }
}

/* Adds to 256 codes the bits above their low ones: bit j of byte i is that of code 32 j + i. */
static void add_high_bits(const uint8_t *bytes, int shift, uint8_t *codes) {
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 32; i++) codes[32 * j + i] |= (uint8_t)((bytes[i] >> j & 1) << shift);
}

/* 32 bytes of third bits, 64 of low bits, 12 of 6-bit scales, then d. */
static void decode_q3_k(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    const float d = read_half(block + 108);
    uint8_t low[16], high[16];
    read_pairs(block + 32, codes);
    add_high_bits(block, 2, codes);
    read_nibbles(block + 96, 8, low);
    read_fields(block + 104, 4, 2, high);
    for (int g = 0; g < 16; g++) {
        scales[g] = d * (float)((low[g] | high[g] << 4) - 32);
        minima[g] = -4 * scales[g];
    }
}

/* Of Q4_K and Q5_K: d, dmin, then 12 bytes. Groups 0-3: the low 6 bits of byte g are the scale and those of
 * byte g + 4 the minimum; groups 4-7: byte g + 4 has their low halves, the 2 bits left over above their high. */
static void read_k_scales(const uint8_t *block, float *scales, float *minima) {
    const float d = read_half(block), dmin = read_half(block + 2);
    const uint8_t *s = block + 4, *m = block + 8, *rest = block + 12;
    for (int g = 0; g < 4; g++) {
        scales[g] = d * (float)(s[g] & 63);
        minima[g] = -(dmin * (float)(m[g] & 63));
        scales[g + 4] = d * (float)((rest[g] & 15) | (s[g] >> 6) << 4);
        minima[g + 4] = -(dmin * (float)(rest[g] >> 4 | (m[g] >> 6) << 4));
    }
}

static void decode_q4_k(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    read_k_scales(block, scales, minima);
    for (int i = 0; i < 4; i++) read_nibbles(block + 16 + 32 * i, 32, codes + 64 * i);
}

/* As Q4_K, with 32 bytes of fifth bits before the codes. */
static void decode_q5_k(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    read_k_scales(block, scales, minima);
    for (int i = 0; i < 4; i++) read_nibbles(block + 48 + 32 * i, 32, codes + 64 * i);
    add_high_bits(block + 16, 4, codes);
}

/* 128 bytes of low halves, 64 of 2-bit highs, 16 signed scales, then d; in two halves of 128 codes. */
static void decode_q6_k(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    const float d = read_half(block + 208);
    uint8_t high[256];
    for (int half = 0; half < 2; half++) read_nibbles(block + 64 * half, 64, codes + 128 * half);
    read_pairs(block + 128, high);
    for (int i = 0; i < 256; i++) codes[i] |= (uint8_t)(high[i] << 4);
    for (int g = 0; g < 16; g++) {
        const int scale = block[192 + g];
        scales[g] = d * (float)(scale < 128 ? scale : scale - 256);
        minima[g] = -32 * scales[g];
    }
}

/* d, 2 bytes of scales' high bits, 4 of their low halves, then 16 bytes of codes a group. */
static void decode_iq4_xs(const uint8_t *block, uint8_t *codes, float *scales, float *minima) {
    const float d = read_half(block);
    for (int g = 0; g < 8; g++) {
        const int low = block[4 + g / 2] >> 4 * (g % 2) & 15, high = block[2 + g / 4] >> 2 * (g % 4) & 3;
        read_nibbles(block + 8 + 16 * g, 16, codes + 32 * g);
        scales[g] = d * (float)((low | high << 4) - 32);
        minima[g] = 0;
    }
}

static const BlockFormat FORMATS[] = {
    {2, 32, 18, 32, 4, 0, decode_q4_0},
    {3, 32, 20, 32, 4, 0, decode_q4_1},
    {6, 32, 22, 32, 5, 0, decode_q5_0},
    {7, 32, 24, 32, 5, 0, decode_q5_1},
    {8, 32, 34, 32, 8, 0, decode_q8_0},
    {10, 256, 84, 16, 2, 0, decode_q2_k},
    {11, 256, 110, 16, 3, 0, decode_q3_k},
    {12, 256, 144, 32, 4, 0, decode_q4_k},
    {13, 256, 176, 32, 5, 0, decode_q5_k},
    {14, 256, 210, 16, 6, 0, decode_q6_k},
    {20, 32, 18, 32, 4, IQ4_TABLE, decode_iq4_nl},
    {23, 256, 136, 32, 4, IQ4_TABLE, decode_iq4_xs},
    {39, 32, 17, 32, 4, MXFP4_TABLE, decode_mxfp4},
};

const BlockFormat *block_format(int ggml_type) {
    for (unsigned i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (FORMATS[i].type == ggml_type) return &FORMATS[i];
    return 0;
}
