#include "super-gemv.h"

#include "coded-weights.h"
#include "prefetch.h"

namespace kvfold::KVFOLD_ISA {
namespace {

#if defined(__AVX2__) && !defined(__AVX512F__)

constexpr int partsOfBlock = 8;
/** Rows of weights that are read side by side. */
constexpr int together = 4;
/** Bytes that are asked for ahead in each of them: a block of one is done before the next has its turn. */
constexpr int64_t blocksAhead = 1024;

/** Eight bytes as words, in both halves. */
KVFOLD_INLINE __m256i bothHalves(__m128i words) { return _mm256_broadcastsi128_si256(words); }

/** Word `i` of each half, in all words of that half. */
KVFOLD_INLINE __m256i wordOfHalves(__m256i words, int i) {
  return _mm256_shuffle_epi8(words, _mm256_set1_epi16(static_cast<int16_t>(2 * i | (2 * i + 1) << 8)));
}

/** What a format's block gives: `scales`, words for `wordOfHalves`; parts of 32 unsigned bytes; what is taken off. */
template <WeightFormat format>
struct SuperWeights;

template <>
struct SuperWeights<WeightFormat::q4_k> {
  static constexpr int bytes = 144;
  const uint8_t* block;
  SixBits six;

  explicit SuperWeights(const uint8_t* at) : block(at), six(unpackSixBits(at + 4)) {}
  const float* scale() const { return scaleAt(block); }
  __m256i scales() const {
    return bothHalves(_mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(six.scales))));
  }
  /** Parts 2 u and 2 u + 1. */
  inline __attribute__((always_inline)) void unit(int u, __m256i* w) const {
    const __m256i both = loadBytes(block + 16 + 32 * u);
    w[0] = _mm256_and_si256(both, _mm256_set1_epi8(15));
    w[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
  }
  inline __attribute__((always_inline)) __m256 takeOff(const float* sums, __m256 acc) const {
    const __m128i minima = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(six.minima));
    const __m256 whole = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(minima));
    return _mm256_fnmadd_ps(_mm256_mul_ps(whole, _mm256_broadcast_ss(scaleAt(block + 2))), _mm256_loadu_ps(sums), acc);
  }
};

template <>
struct SuperWeights<WeightFormat::q6_k> {
  static constexpr int bytes = 210;
  const uint8_t* block;

  explicit SuperWeights(const uint8_t* at) : block(at) {}
  const float* scale() const { return scaleAt(block + 208); }
  /** A part has two scales: those of first halves come in the low half, those of second ones in the high half. */
  __m256i scales() const {
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 192));
    const __m128i order = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(all, order));
  }
  inline __attribute__((always_inline)) void unit(int u, __m256i* w) const {
    CodedWeights<WeightFormat::q6_k>::bytesOf(block, u, w);
  }
  /** Values are stored plus 32. */
  inline __attribute__((always_inline)) __m256 takeOff(const float* sums, __m256 acc) const {
    const __m256 factor = _mm256_mul_ps(_mm256_broadcast_ss(scale()), _mm256_set1_ps(32));
    __m256 total = _mm256_setzero_ps();
    KVFOLD_UNROLL
    for (int i = 0; i < 2; i++) {
      const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block + 192 + 8 * i));
      total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight)), _mm256_loadu_ps(sums + 8 + 8 * i), total);
    }
    return _mm256_fnmadd_ps(factor, total, acc);
  }
};

/** `acc` plus a block's products with `x`, its coded values. */
template <WeightFormat format, int digits>
KVFOLD_INLINE __m256 addBlock(const uint8_t* block, const uint8_t* x, const float* scaleOfX, const float* sumsOfX, __m256 acc) {
  const SuperWeights<format> weights(block);
  const __m256i scales = weights.scales();
  __m256i sums[digits];
  KVFOLD_UNROLL
  for (int d = 0; d < digits; d++) sums[d] = _mm256_setzero_si256();
  KVFOLD_UNROLL
  for (int u = 0; u < partsOfBlock / 2; u++) {
    __m256i w[2];
    weights.unit(u, w);
    KVFOLD_UNROLL
    for (int part = 0; part < 2; part++) {
      const __m256i scale = wordOfHalves(scales, 2 * u + part);
      KVFOLD_UNROLL
      for (int d = 0; d < digits; d++) {
        const __m256i pairs = _mm256_maddubs_epi16(w[part], loadBytes(x + d * 256 + (2 * u + part) * 32));
        sums[d] = _mm256_add_epi32(sums[d], _mm256_madd_epi16(pairs, scale));
      }
    }
  }
  __m256 sum = _mm256_cvtepi32_ps(sums[0]);
  KVFOLD_UNROLL
  for (int d = 1; d < digits; d++) sum = _mm256_fmadd_ps(sum, _mm256_set1_ps(256), _mm256_cvtepi32_ps(sums[d]));
  return weights.takeOff(sumsOfX, _mm256_fmadd_ps(sum, product(weights.scale(), scaleOfX), acc));
}

template <WeightFormat format, int digits>
void gemv(const SuperGemvTask& super, int64_t begin, int64_t end) {
  constexpr int blockBytes = SuperWeights<format>::bytes;
  const GemvTask& task = super.task;
  const uint8_t* coded = super.coded;
  const float* scalesOfX = reinterpret_cast<const float*>(coded + super.layout.scaleOffset());
  const float* sumsOfX = reinterpret_cast<const float*>(coded + super.layout.sumOffset());
  const auto outputsOf = [&](int64_t output, int64_t apart, int count) {
    __m256 acc[together];
    for (int o = 0; o < count; o++) acc[o] = _mm256_setzero_ps();
    const uint8_t* block = task.weights + output * task.rowBytes;
    for (int64_t b = 0; b < super.layout.blocks; b++, block += blockBytes) {
      for (int o = 0; o < count; o++) {
        const uint8_t* own = block + o * apart * task.rowBytes;
        KVFOLD_UNROLL
        for (int line = 0; line < blockBytes; line += 64) __builtin_prefetch(own + blocksAhead + line);
        acc[o] = addBlock<format, digits>(own, coded + b * digits * 256, scalesOfX + b,
                                          sumsOfX + b * SuperLayout::sumsOfBlock, acc[o]);
      }
    }
    for (int o = 0; o < count; o++) {
      const int64_t at = output + o * apart;
      task.y[at] = sum8(acc[o]) + (task.bias == nullptr ? 0 : task.bias[at]);
    }
  };
  const Groups groups = Groups::of(end - begin, together);
  for (int64_t i = 0; i < groups.count; i++) outputsOf(begin + i * groups.step, groups.apart, together);
  for (int64_t o = begin + groups.count * together; o < end; o++) outputsOf(o, 0, 1);
}

/** Codes a block of 256; `digits` of base 256, the highest first, 256 bytes each. */
void codeBlock(const float* x, int digits, int8_t* into, float* scale, float* sums) {
  __m256 most = _mm256_setzero_ps(), taint = _mm256_setzero_ps();
  for (int i = 0; i < 256; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    most = _mm256_max_ps(most, abs(v));
    taint = _mm256_fmadd_ps(v, _mm256_setzero_ps(), taint);  // NaN when a value is NaN or infinite
  }
  const float peak = maxLane(most), largest = 127.0f * static_cast<float>(1 << (8 * (digits - 1)));
  const __m256 inverse = _mm256_set1_ps(peak > 0 ? largest / peak : 0);
  *scale = peak / largest + sum8(taint);
  for (int half = 0; half < 16; half++) {
    int32_t whole[16], total = 0;
    for (int i = 0; i < 16; i += 8) {
      const __m256i rounded = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 16 * half + i), inverse));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(whole + i), rounded);
    }
    for (int i = 0; i < 16; i++) {
      total += whole[i];
      int32_t left = whole[i];
      for (int d = digits - 1; d >= 0; d--) {
        const int8_t digit = static_cast<int8_t>(left & 255);
        into[d * 256 + 16 * half + i] = digit;
        left = (left - digit) / 256;
      }
    }
    // of the values as coded: what is taken off then fits what is multiplied with the scales
    sums[8 + half] = *scale * static_cast<float>(total);
  }
  for (int part = 0; part < partsOfBlock; part++) sums[part] = sums[8 + 2 * part] + sums[9 + 2 * part];
}

void code(const float* x, const SuperLayout& layout, uint8_t* row) {
  float* scales = reinterpret_cast<float*>(row + layout.scaleOffset());
  float* sums = reinterpret_cast<float*>(row + layout.sumOffset());
  for (int64_t b = 0; b < layout.blocks; b++) {
    codeBlock(x + b * 256, layout.digits, reinterpret_cast<int8_t*>(row) + b * layout.digits * 256, scales + b,
              sums + b * SuperLayout::sumsOfBlock);
  }
}

#define KVFOLD_SUPER(format) {gemv<WeightFormat::format, 1>, gemv<WeightFormat::format, 2>, gemv<WeightFormat::format, 3>}
#define KVFOLD_CODE code
#else
#define KVFOLD_SUPER(format) {nullptr, nullptr, nullptr}
#define KVFOLD_CODE nullptr
#endif
#define KVFOLD_NONE {nullptr, nullptr, nullptr}

}  // namespace

extern const SuperGemvKernels superGemvKernels;
const SuperGemvKernels superGemvKernels = {
    {KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_SUPER(q4_k),
     KVFOLD_SUPER(q6_k)},
    KVFOLD_CODE,
};

}  // namespace kvfold::KVFOLD_ISA
