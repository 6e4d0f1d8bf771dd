#include "coded-gemv.h"
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

void codeRow(const float* x, int64_t inputs, bool pairs, const CodedLayout& layout, uint8_t* row);

#if defined(__AVX2__)
namespace {

/** Four vectors of integers from -127 to 127 to 32 bytes, in order. */
KVFOLD_INLINE __m256i packBytes(const __m256i* v) {
  const __m256i words = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
  return _mm256_permutevar8x32_epi32(words, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

KVFOLD_INLINE float sum8(__m256 v) {
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

KVFOLD_INLINE float max8(__m256 v) {
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

struct Block {
  __m256i digits[maximumDigits];
  float scale;
  float sums[2];
};

Block codeBlock(const float* x, int digits) {
  constexpr float base = 255;
  __m256 v[4], taint = _mm256_setzero_ps(), most = _mm256_setzero_ps();
  const __m256 sign = _mm256_set1_ps(-0.0f);
  for (int i = 0; i < 4; i++) {
    v[i] = _mm256_loadu_ps(x + 8 * i);
    most = _mm256_max_ps(most, _mm256_andnot_ps(sign, v[i]));
    taint = _mm256_fmadd_ps(v[i], _mm256_setzero_ps(), taint);  // NaN when a value is NaN or infinite
  }
  float largest = 127;
  for (int d = 1; d < digits; d++) largest += 127 / (d == 1 ? base : base * base);
  const float peak = max8(most);
  const float inverse = peak > 0 ? largest / peak : 0;
  Block block;
  block.scale = peak / largest + sum8(taint);
  for (int i = 0; i < 4; i++) v[i] = _mm256_mul_ps(v[i], _mm256_set1_ps(inverse));
  __m256 halves[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  float unit = 1;
  for (int d = 0; d < maximumDigits; d++) {
    if (d >= digits) break;
    __m256i whole[4];
    for (int i = 0; i < 4; i++) {
      const __m256 rounded = _mm256_round_ps(v[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      const __m256 digit = _mm256_max_ps(_mm256_min_ps(rounded, _mm256_set1_ps(127)), _mm256_set1_ps(-127));
      whole[i] = _mm256_cvtps_epi32(digit);
      halves[i >> 1] = _mm256_fmadd_ps(digit, _mm256_set1_ps(unit), halves[i >> 1]);
      v[i] = _mm256_mul_ps(_mm256_sub_ps(v[i], digit), _mm256_set1_ps(base));
    }
    block.digits[d] = packBytes(whole);
    unit /= base;
  }
  for (int h = 0; h < 2; h++) block.sums[h] = block.scale * sum8(halves[h]);
  return block;
}

}  // namespace

void codeRow(const float* x, int64_t inputs, bool pairs, const CodedLayout& layout, uint8_t* row) {
  float* scales = reinterpret_cast<float*>(row + layout.scaleOffset());
  float* sums = reinterpret_cast<float*>(row + layout.sumOffset());
  float* halfSums = reinterpret_cast<float*>(row + layout.halfSumOffset());
  const int digits = layout.digits;
  for (int64_t b = 0; b < layout.blocks; b++) {
    Block block = {};
    if (b * 32 < inputs) block = codeBlock(x + b * 32, digits);
    sums[b] = block.sums[0] + block.sums[1];
    halfSums[2 * b] = block.sums[0];
    halfSums[2 * b + 1] = block.sums[1];
    if (!pairs) {
      scales[b] = block.scale;
      for (int d = 0; d < digits; d++) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + (b * digits + d) * 32), block.digits[d]);
      }
      continue;
    }
    // First halves of both blocks, then second halves; for each digit.
    const int64_t pair = b >> 1, side = b & 1;
    for (int i = 0; i < 4; i++) scales[pair * 8 + side * 4 + i] = block.scale;
    for (int d = 0; d < digits; d++) {
      uint8_t* at = row + (pair * digits + d) * 64 + side * 16;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(at), _mm256_castsi256_si128(block.digits[d]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(at + 32), _mm256_extracti128_si256(block.digits[d], 1));
    }
  }
}

#else

void codeRow(const float*, int64_t, bool, const CodedLayout&, uint8_t*) {}  // there are no products to code for

#endif

}  // namespace kvfold::KVFOLD_ISA
