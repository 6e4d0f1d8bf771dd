#include "wide-gemv.h"

#include <cstring>

#include "prefetch.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
#include "coded-weights.h"
#endif

namespace kvfold::KVFOLD_ISA {
namespace {

#if defined(__AVX512VNNI__)

/** Blocks of a quad, and outputs that are computed at once: four times four scales fill a vector. */
constexpr int quad = 4;
constexpr int together = 4;

KVFOLD_INLINE __m512i ints(int x) { return _mm512_set1_epi32(x); }

/** Lanes 4 o to 4 o + 3. */
constexpr __mmask16 lanesOf(int o) { return static_cast<__mmask16>(0xf << (4 * o)); }

/** The nibbles of a quad, 16 bytes a block, and its scales in the lanes of one output. */
template <WeightFormat format>
struct Quads;

template <>
struct Quads<WeightFormat::q4_1> {
  static constexpr int blockBytes = 20;
  /** Scale and minimum as two halves of each lane. */
  struct Scales {
    __m512i pairs = _mm512_setzero_si512();
    __m512 scale() const { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(pairs)); }
    /** What the sum of x is multiplied by. */
    __m512 shift(__m512) const { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(pairs, 16))); }
  };

  /** A block is five words of 32 bits; `blocks` of them are there. */
  template <bool whole>
  KVFOLD_INLINE __m512i load(const uint8_t* p, int blocks, int output, Scales& scales) {
    const __mmask16 first = whole ? 0xffff : static_cast<__mmask16>((1u << (5 * blocks > 16 ? 16 : 5 * blocks)) - 1);
    const __mmask16 last = whole ? 0xffff : static_cast<__mmask16>((1u << (5 * blocks > 4 ? 5 * blocks - 4 : 0)) - 1);
    const __m512i low = whole ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi32(first, p);
    const __m512i high = whole ? _mm512_loadu_si512(p + 16) : _mm512_maskz_loadu_epi32(last, p + 16);
    const __m512i heads = _mm512_setr_epi32(0, 5, 10, 15, 0, 5, 10, 15, 0, 5, 10, 15, 0, 5, 10, 15);
    scales.pairs = _mm512_mask_permutexvar_epi32(scales.pairs, lanesOf(output), heads, low);
    // words 1-4, 6-9, 11-14 of the first load, and 16-19, which are 12-15 of the second
    const __m512i bodies = _mm512_setr_epi32(1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 28, 29, 30, 31);
    return _mm512_permutex2var_epi32(low, bodies, high);
  }
};

template <>
struct Quads<WeightFormat::q4_0> {
  static constexpr int blockBytes = 18;
  struct Scales {
    __m512i halves = _mm512_setzero_si512();
    __m512 scale() const { return _mm512_cvtph_ps(_mm512_castsi512_si256(halves)); }
    /** Values are stored plus eight. */
    __m512 shift(__m512 scale) const { return _mm512_mul_ps(scale, _mm512_set1_ps(-8)); }
  };

  /** A block is nine halves. */
  template <bool whole>
  KVFOLD_INLINE __m512i load(const uint8_t* p, int blocks, int output, Scales& scales) {
    const __mmask32 there = whole ? ~0u : static_cast<__mmask32>((uint64_t{1} << (9 * blocks > 32 ? 32 : 9 * blocks)) - 1);
    const __m512i low = whole ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi16(there, p);
    const __m512i heads = _mm512_set1_epi64(0x001b'0012'0009'0000);
    scales.halves = _mm512_mask_permutexvar_epi16(scales.halves, static_cast<__mmask32>(lanesOf(output)), heads, low);
    __m512i body = _mm512_setzero_si512();
    KVFOLD_UNROLL
    for (int b = 0; b < quad; b++) {
      if (!whole && b >= blocks) continue;
      const __m128i nibbles = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 18 * b + 2));
      body = _mm512_mask_broadcast_i32x4(body, lanesOf(b), nibbles);
    }
    return body;
  }
};

/** Sums of one quad for four outputs. */
template <WeightFormat format, int digits, bool whole>
KVFOLD_INLINE void addQuad(const uint8_t* const* rows, int blocks, const uint8_t* coded, const float* scalesOfX,
                           const float* sumsOfX, const Prefetch& prefetch, __m512* acc, __m512& minima) {
  using Q = Quads<format>;
  __m512i x[digits][2];
  KVFOLD_UNROLL
  for (int d = 0; d < digits; d++) {
    x[d][0] = _mm512_loadu_si512(coded + d * 128);
    x[d][1] = _mm512_loadu_si512(coded + d * 128 + 64);
  }
  typename Q::Scales scales;
  __m512 sums[together];
  KVFOLD_UNROLL
  for (int o = 0; o < together; o++) {
    prefetch.template ask<Q::blockBytes * quad>(o);
    const __m512i body = Q::template load<whole>(rows[o], blocks, o, scales);
    const __m512i low = _mm512_and_si512(body, _mm512_set1_epi8(15));
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(body, 4), _mm512_set1_epi8(15));
    __m512i s = _mm512_setzero_si512();
    KVFOLD_UNROLL
    for (int d = 0; d < digits; d++) {
      if (d > 0) s = _mm512_slli_epi32(s, 8);
      s = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(s, low, x[d][0]), high, x[d][1]);
    }
    sums[o] = _mm512_cvtepi32_ps(s);
  }
  // lane 4 o + b: block b of output o
  const __m512 scale = scales.scale();
  const __m512 bySums = _mm512_broadcast_f32x4(_mm_loadu_ps(sumsOfX));
  minima = _mm512_fmadd_ps(scales.shift(scale), bySums, minima);
  const __m512 factors = _mm512_mul_ps(scale, _mm512_broadcast_f32x4(_mm_loadu_ps(scalesOfX)));
  const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  KVFOLD_UNROLL
  for (int o = 0; o < together; o++) {
    const __m512 factor = _mm512_permutexvar_ps(_mm512_add_epi32(spread, ints(4 * o)), factors);
    acc[o] = _mm512_fmadd_ps(sums[o], factor, acc[o]);
  }
}

/** The sums of four vectors. */
KVFOLD_INLINE __m128 sumsOf(const __m512* v) {
  const __m512 a = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
  const __m512 b = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
  const __m512d c = _mm512_castps_pd(a), d = _mm512_castps_pd(b);
  const __m512 all = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(c, d)), _mm512_castpd_ps(_mm512_unpackhi_pd(c, d)));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/** The sums of each four lanes. */
KVFOLD_INLINE __m128 sumsOfFours(__m512 v) {
  const __m512 twos = _mm512_add_ps(v, _mm512_permute_ps(v, 0xb1));
  const __m512 fours = _mm512_add_ps(twos, _mm512_permute_ps(twos, 0x4e));
  return _mm512_castps512_ps128(
      _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12), fours));
}

template <WeightFormat format, int digits>
void gemv(const WideGemvTask& wide, int64_t begin, int64_t end) {
  constexpr int blockBytes = Quads<format>::blockBytes;
  const GemvTask& task = wide.task;
  const int64_t blocks = task.inputs / 32, wholeQuads = blocks / quad;
  const float* scalesOfX = reinterpret_cast<const float*>(wide.coded + wide.layout.scaleOffset());
  const float* sumsOfX = reinterpret_cast<const float*>(wide.coded + wide.layout.sumOffset());
  // the last output is computed again rather than others read that are not there
  const auto outputsOf = [&](int64_t output, int64_t apart, int count) {
    const uint8_t* rows[together];
    KVFOLD_UNROLL
    for (int o = 0; o < together; o++) rows[o] = task.weights + (output + (o < count ? o : count - 1) * apart) * task.rowBytes;
    __m512 acc[together], minima = _mm512_setzero_ps();
    KVFOLD_UNROLL
    for (int o = 0; o < together; o++) acc[o] = _mm512_setzero_ps();
    Prefetch prefetch = Prefetch::ofStreams(rows[0], apart * task.rowBytes, blockBytes * quad);
    for (int64_t q = 0; q < wholeQuads; q++) {
      addQuad<format, digits, true>(rows, quad, wide.coded + q * digits * 128, scalesOfX + q * quad, sumsOfX + q * quad,
                                    prefetch, acc, minima);
      KVFOLD_UNROLL
      for (int o = 0; o < together; o++) rows[o] += blockBytes * quad;
      prefetch.advance();
    }
    if (const int left = static_cast<int>(blocks - wholeQuads * quad); left > 0) {
      addQuad<format, digits, false>(rows, left, wide.coded + wholeQuads * digits * 128, scalesOfX + wholeQuads * quad,
                                     sumsOfX + wholeQuads * quad, prefetch, acc, minima);
    }
    alignas(16) float y[together];
    _mm_store_ps(y, _mm_add_ps(sumsOf(acc), sumsOfFours(minima)));
    for (int o = 0; o < count; o++) {
      const int64_t at = output + o * apart;
      task.y[at] = y[o] + (task.bias == nullptr ? 0 : task.bias[at]);
    }
  };
  const Groups groups = Groups::of(end - begin, together);
  for (int64_t i = 0; i < groups.count; i++) outputsOf(begin + i * groups.step, groups.apart, together);
  const int64_t rest = begin + groups.count * together;
  if (rest < end) outputsOf(rest, 1, static_cast<int>(end - rest));
}

/** Codes 32 values; `low` and `high` are where the bytes of the first digit go, `step` to the next digit. */
void codeBlock(const float* x, int digits, int8_t* low, int8_t* high, int64_t step, float* scale, float* sum) {
  const __m512 v[2] = {_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
  const float peak = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(v[0]), _mm512_abs_ps(v[1])));
  // NaN when a value is NaN or infinite
  const float taint = _mm512_reduce_add_ps(_mm512_mul_ps(_mm512_add_ps(v[0], v[1]), _mm512_setzero_ps()));
  const float largest = 127.0f * static_cast<float>(1 << (8 * (digits - 1)));
  const __m512 inverse = _mm512_set1_ps(peak > 0 ? largest / peak : 0);
  *scale = peak / largest + taint;
  __m512i whole[2];
  for (int i = 0; i < 2; i++) whole[i] = _mm512_cvtps_epi32(_mm512_mul_ps(v[i], inverse));
  // of the values as coded: what is added with the minimum then fits what is multiplied with the scale
  *sum = *scale * static_cast<float>(_mm512_reduce_add_epi32(_mm512_add_epi32(whole[0], whole[1])));
  for (int d = digits - 1; d >= 0; d--) {
    int8_t* const into[2] = {low + d * step, high + d * step};
    for (int i = 0; i < 2; i++) {
      const __m512i digit = _mm512_srai_epi32(_mm512_slli_epi32(whole[i], 24), 24);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(into[i]), _mm512_cvtepi32_epi8(digit));
      whole[i] = _mm512_srai_epi32(_mm512_sub_epi32(whole[i], digit), 8);
    }
  }
}

#elif defined(__AVX2__) && !defined(__AVX512F__)

/** Blocks of a quad, and rows of weights that are read side by side. */
constexpr int quad = 4;
constexpr int together = 4;

/** `acc` plus the products of two blocks with x. With q4_0 `sumsOfX` are to be what the eight in its values takes off. */
template <WeightFormat format, int digits>
KVFOLD_INLINE __m256 addPair(const uint8_t* first, const uint8_t* second, const uint8_t* x, __m256 scalesOfX, __m256 sumsOfX,
                             __m256 acc) {
  constexpr int at = format == WeightFormat::q4_1 ? 4 : 2;
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first + at));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second + at));
  const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  const __m256i lows = _mm256_and_si256(both, _mm256_set1_epi8(15));
  const __m256i highs = _mm256_and_si256(_mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
  __m256i sums = _mm256_setzero_si256();
  KVFOLD_UNROLL
  for (int d = 0; d < digits; d++) {
    const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(lows, loadBytes(x + d * 128)),
                                           _mm256_maddubs_epi16(highs, loadBytes(x + d * 128 + 64)));
    const __m256i products = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    sums = d == 0 ? products : _mm256_add_epi32(_mm256_slli_epi32(sums, 8), products);
  }
  const __m256 scales = lowAndHigh(scaleAt(first), scaleAt(second));
  const __m256 values = _mm256_cvtepi32_ps(sums);
  if constexpr (format == WeightFormat::q4_0) {
    return _mm256_fmadd_ps(scales, _mm256_fmadd_ps(values, scalesOfX, sumsOfX), acc);
  } else {
    const __m256 minima = lowAndHigh(scaleAt(first + 2), scaleAt(second + 2));
    return _mm256_fmadd_ps(scales, _mm256_mul_ps(values, scalesOfX), _mm256_fmadd_ps(minima, sumsOfX, acc));
  }
}

/** `outputs` rows of weights, `apart` rows from each other. */
template <WeightFormat format, int digits, int outputs>
KVFOLD_INLINE void outputsOf(const WideGemvTask& wide, int64_t output, int64_t apart) {
  constexpr int blockBytes = blockSizeOf(format).bytes;
  const GemvTask& task = wide.task;
  const float* scalesOfX = reinterpret_cast<const float*>(wide.coded + wide.layout.scaleOffset());
  const float* sumsOfX = reinterpret_cast<const float*>(wide.coded + wide.layout.sumOffset());
  // four lanes share a sum
  const __m256 part = _mm256_set1_ps(format == WeightFormat::q4_0 ? -8.0f / 4 : 1.0f / 4);
  const int64_t blocks = task.inputs / 32, between = apart * task.rowBytes;
  const uint8_t* block = task.weights + output * task.rowBytes;
  __m256 acc[outputs];
  KVFOLD_UNROLL
  for (int o = 0; o < outputs; o++) acc[o] = _mm256_setzero_ps();
  for (int64_t b = 0; b < blocks; b += 2, block += 2 * blockBytes) {
    const uint8_t* x = wide.coded + b / quad * digits * 128 + b % quad * 16;
    const __m256 scales = lowAndHigh(scalesOfX + b, scalesOfX + b + 1);
    const __m256 sums = _mm256_mul_ps(lowAndHigh(sumsOfX + b, sumsOfX + b + 1), part);
    // x is zero where there is no second block, so any weights do
    const int64_t second = b + 1 < blocks ? blockBytes : 0;
    KVFOLD_UNROLL
    for (int o = 0; o < outputs; o++) {
      const uint8_t* own = block + o * between;
      __builtin_prefetch(own + streamAhead);
      acc[o] = addPair<format, digits>(own, own + second, x, scales, sums, acc[o]);
    }
  }
  KVFOLD_UNROLL
  for (int o = 0; o < outputs; o++) {
    const int64_t at = output + o * apart;
    task.y[at] = sum8(acc[o]) + (task.bias == nullptr ? 0 : task.bias[at]);
  }
}

template <WeightFormat format, int digits>
void gemv(const WideGemvTask& wide, int64_t begin, int64_t end) {
  const Groups groups = Groups::of(end - begin, together);
  for (int64_t i = 0; i < groups.count; i++) {
    outputsOf<format, digits, together>(wide, begin + i * groups.step, groups.apart);
  }
  for (int64_t o = begin + groups.count * together; o < end; o++) outputsOf<format, digits, 1>(wide, o, 1);
}

/** Codes 32 values; `low` and `high` are where the bytes of the first digit go, `step` to the next digit. */
void codeBlock(const float* x, int digits, int8_t* low, int8_t* high, int64_t step, float* scale, float* sum) {
  __m256 most = _mm256_setzero_ps(), taint = _mm256_setzero_ps();
  for (int i = 0; i < 32; i += 8) {
    most = _mm256_max_ps(most, abs(_mm256_loadu_ps(x + i)));
    taint = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_setzero_ps(), taint);  // NaN when a value is NaN or infinite
  }
  const float peak = maxLane(most), largest = 127.0f * static_cast<float>(1 << (8 * (digits - 1)));
  const __m256 inverse = _mm256_set1_ps(peak > 0 ? largest / peak : 0);
  *scale = peak / largest + sum8(taint);
  int32_t whole[32], total = 0;
  for (int i = 0; i < 32; i += 8) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(whole + i),
                        _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i), inverse)));
  }
  int8_t* const halves[2] = {low, high};
  for (int i = 0; i < 32; i++) {
    int8_t* into = halves[i / 16] + i % 16;
    int32_t left = whole[i];
    total += left;
    for (int d = digits - 1; d >= 0; d--) {
      const int8_t digit = static_cast<int8_t>(left & 255);
      into[d * step] = digit;
      left = (left - digit) / 256;
    }
  }
  // of the values as coded: what is added with the minimum then fits what is multiplied with the scale
  *sum = *scale * static_cast<float>(total);
}

#endif

#if defined(__AVX2__) && (defined(__AVX512VNNI__) || !defined(__AVX512F__))
void code(const float* x, int64_t inputs, const WideLayout& layout, uint8_t* row) {
  float* scales = reinterpret_cast<float*>(row + layout.scaleOffset());
  float* sums = reinterpret_cast<float*>(row + layout.sumOffset());
  for (int64_t b = 0; b < layout.quads * quad; b++) {
    int8_t* low = reinterpret_cast<int8_t*>(row) + b / quad * layout.digits * 128 + b % quad * 16;
    if (b * 32 < inputs) {
      codeBlock(x + b * 32, layout.digits, low, low + 64, 128, scales + b, sums + b);
      continue;
    }
    for (int d = 0; d < layout.digits; d++) {
      memset(low + d * 128, 0, 16);
      memset(low + 64 + d * 128, 0, 16);
    }
    scales[b] = sums[b] = 0;
  }
}

#define KVFOLD_WIDE(format) {gemv<WeightFormat::format, 1>, gemv<WeightFormat::format, 2>, gemv<WeightFormat::format, 3>}
#define KVFOLD_CODE code
#else
#define KVFOLD_WIDE(format) {nullptr, nullptr, nullptr}
#define KVFOLD_CODE nullptr
#endif
#define KVFOLD_NONE {nullptr, nullptr, nullptr}

}  // namespace

extern const WideGemvKernels wideGemvKernels;
const WideGemvKernels wideGemvKernels = {
    {KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_WIDE(q4_0), KVFOLD_WIDE(q4_1), KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE,
     KVFOLD_NONE},
    KVFOLD_CODE,
};

}  // namespace kvfold::KVFOLD_ISA
