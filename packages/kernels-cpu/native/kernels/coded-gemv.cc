#include "coded-gemv.h"

#include "coded-weights.h"
#include "prefetch.h"

namespace kvfold::KVFOLD_ISA {

// Defined in coded-x.cc.
void codeRow(const float* x, int64_t inputs, bool pairs, const CodedLayout& layout, uint8_t* row);

namespace {

#if defined(__AVX2__)

/** Eight sums of four products each: unsigned bytes of `w` times signed bytes of `x`, added to `acc`. */
KVFOLD_INLINE __m256i dot(__m256i acc, __m256i w, __m256i x) {
#if defined(__AVX512VNNI__)
  return _mm256_dpbusd_epi32(acc, w, x);
#else
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
#endif
}

/** The first of a chain of `dot`. With signed weights their signs go to the activations. */
template <bool isSigned>
KVFOLD_INLINE __m256i firstDot(__m256i w, __m256i x) {
  if constexpr (isSigned) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)), _mm256_set1_epi16(1));
  }
#if defined(__AVX512VNNI__)
  return _mm256_dpbusd_epi32(_mm256_setzero_si256(), w, x);
#else
  return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
#endif
}

/** Both parts of a unit whose products share their scales. */
KVFOLD_INLINE __m256i joinedDot(const __m256i* w, __m256i x0, __m256i x1) {
#if defined(__AVX512VNNI__)
  return dot(firstDot<false>(w[0], x0), w[1], x1);
#else
  // Four-bit weights: the sums of four products fit 16 bits.
  const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(w[0], x0), _mm256_maddubs_epi16(w[1], x1));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#endif
}

/** Puts the sums of the digits together: s[0] + s[1] / 255 + s[2] / 255^2. */
template <int digits>
KVFOLD_INLINE __m256 joinDigits(const __m256i* s) {
  const __m256 unit = _mm256_set1_ps(1.0f / 255);
  __m256 value = _mm256_cvtepi32_ps(s[digits - 1]);
  for (int d = digits - 2; d >= 0; d--) value = _mm256_fmadd_ps(value, unit, _mm256_cvtepi32_ps(s[d]));
  return value;
}

/** `xs` coded rows against `outputs` rows of weights, `apart` rows from each other. */
template <WeightFormat format, int digits, int outputs, int xs>
KVFOLD_INLINE void outputsOf(const CodedGemvTask& coded, int64_t output, int64_t apart) {
  using W = CodedWeights<format>;
  const GemvTask& task = coded.task;
  const uint8_t* x[xs];
  KVFOLD_UNROLL
  for (int r = 0; r < xs; r++) x[r] = coded.coded + (r < task.rows ? r : task.rows - 1) * coded.codedRowBytes;
  const uint8_t* rows[outputs];
  KVFOLD_UNROLL
  for (int o = 0; o < outputs; o++) rows[o] = task.weights + (output + o * apart) * task.rowBytes;
  __m256 acc[outputs][xs];
  typename W::Minima minima[outputs][xs];
  KVFOLD_UNROLL
  for (int o = 0; o < outputs; o++) {
    KVFOLD_UNROLL
    for (int r = 0; r < xs; r++) {
      acc[o][r] = _mm256_setzero_ps();
      minima[o][r] = typename W::Minima{};
    }
  }
  const int64_t blocks = task.inputs / 32;
  Prefetch prefetch = inStreams ? Prefetch::ofStreams(rows[0], apart * task.rowBytes, W::groupBytes)
                                : Prefetch::of(rows[0], task.rowBytes, outputs, W::groupBytes);
  constexpr int unitBytes = W::parts * 32 * digits;
  constexpr int scalesOfGroup = W::joined ? 8 : W::blocksOfGroup;
  // Offsets from the start of a coded row, which all rows share: few enough for the registers.
  int64_t digitsAt = 0, scalesAt = coded.layout.scaleOffset(), sumsAt = coded.layout.sumOffset();
  int64_t halfSumsAt = coded.layout.halfSumOffset();
  for (int64_t left = blocks; left > 0; left -= W::blocksOfGroup) {
    const bool single = W::joined && left == 1;
    KVFOLD_UNROLL
    for (int o = 0; o < outputs; o++) {
      prefetch.template ask<W::groupBytes>(o);
      const typename W::Group loaded = W::load(rows[o], single);
      rows[o] += W::groupBytes;
      KVFOLD_UNROLL
      for (int u = 0; u < W::units; u++) {
        __m256i w[W::parts];
        W::unit(loaded, u, w);
        KVFOLD_UNROLL
        for (int r = 0; r < xs; r++) {
          const uint8_t* digitsOf = x[r] + digitsAt + u * unitBytes;
          const float* scales = reinterpret_cast<const float*>(x[r] + scalesAt);
          __m256i s[digits];
          if constexpr (W::joined) {
            KVFOLD_UNROLL
            for (int d = 0; d < digits; d++) {
              s[d] = joinedDot(w, loadBytes(digitsOf + d * 64), loadBytes(digitsOf + d * 64 + 32));
            }
            acc[o][r] = _mm256_fmadd_ps(joinDigits<digits>(s), W::scale(loaded, u, 0, scales), acc[o][r]);
          } else {
            KVFOLD_UNROLL
            for (int part = 0; part < W::parts; part++) {
              KVFOLD_UNROLL
              for (int d = 0; d < digits; d++) {
                s[d] = firstDot<W::isSigned>(w[part], loadBytes(digitsOf + (part * digits + d) * 32));
              }
              acc[o][r] = _mm256_fmadd_ps(joinDigits<digits>(s), W::scale(loaded, u, part, scales), acc[o][r]);
            }
          }
        }
      }
      if constexpr (W::factor != 0) {
        KVFOLD_UNROLL
        for (int r = 0; r < xs; r++) {
          W::minima(loaded, reinterpret_cast<const float*>(x[r] + sumsAt),
                    reinterpret_cast<const float*>(x[r] + halfSumsAt), minima[o][r]);
        }
      }
    }
    prefetch.advance();
    digitsAt += W::units * unitBytes;
    scalesAt += scalesOfGroup * 4;
    sumsAt += W::blocksOfGroup * 4;
    halfSumsAt += W::blocksOfGroup * 8;
  }
  // Sums are first taken out with constant indices: a variable one would keep them all in memory.
  float results[outputs][xs];
  KVFOLD_UNROLL
  for (int o = 0; o < outputs; o++) {
    KVFOLD_UNROLL
    for (int r = 0; r < xs; r++) results[o][r] = sum8(acc[o][r]) + W::factor * sum8(minima[o][r]);
  }
  for (int o = 0; o < outputs; o++) {
    const int64_t at = output + o * apart;
    const float bias = task.bias == nullptr ? 0 : task.bias[at];
    for (int r = 0; r < xs && r < task.rows; r++) task.y[r * task.yStride + at] = results[o][r] + bias;
  }
}

template <WeightFormat format, int digits, int outputs, int xs>
void gemvRows(const CodedGemvTask& task, int64_t begin, int64_t end) {
  const Groups groups = Groups::of(end - begin, outputs);
  for (int64_t i = 0; i < groups.count; i++) {
    outputsOf<format, digits, outputs, xs>(task, begin + i * groups.step, groups.apart);
  }
  for (int64_t o = begin + groups.count * outputs; o < end; o++) outputsOf<format, digits, 1, xs>(task, o, 1);
}

template <WeightFormat format, int digits>
void gemv(const CodedGemvTask& task, int64_t begin, int64_t end) {
  // Large blocks keep the registers busy with one row; small ones share the activations between four.
  constexpr int outputs = CodedWeights<format>::units > 1 ? 1 : 4;
  if (task.task.rows == 1) return gemvRows<format, digits, outputs, 1>(task, begin, end);
  if (task.task.rows == 2) return gemvRows<format, digits, 2, 2>(task, begin, end);
  if (task.task.rows <= 4) return gemvRows<format, digits, 1, 4>(task, begin, end);
  gemvRows<format, digits, 1, 8>(task, begin, end);
}

#define KVFOLD_DIGITS(format) {gemv<WeightFormat::format, 1>, gemv<WeightFormat::format, 2>, gemv<WeightFormat::format, 3>}
#define KVFOLD_TWO_DIGITS(format) {gemv<WeightFormat::format, 1>, gemv<WeightFormat::format, 2>, nullptr}
#else
#define KVFOLD_DIGITS(format) {nullptr, nullptr, nullptr}
#define KVFOLD_TWO_DIGITS(format) {nullptr, nullptr, nullptr}
#endif
#define KVFOLD_NONE {nullptr, nullptr, nullptr}

// Where AVX-512 looks four-bit values up in a register, float32 activations are faster than three digits.
#if defined(__AVX512F__)
#define KVFOLD_FOUR_BITS(format) KVFOLD_TWO_DIGITS(format)
#else
#define KVFOLD_FOUR_BITS(format) KVFOLD_DIGITS(format)
#endif

}  // namespace

extern const CodedGemvKernels codedGemvKernels;
const CodedGemvKernels codedGemvKernels = {
    {KVFOLD_NONE, KVFOLD_NONE, KVFOLD_NONE, KVFOLD_TWO_DIGITS(q8_0), KVFOLD_FOUR_BITS(q4_0), KVFOLD_FOUR_BITS(q4_1), KVFOLD_NONE,
     KVFOLD_NONE, KVFOLD_DIGITS(q4_k), KVFOLD_DIGITS(q6_k)},
    codeRow,
};

}  // namespace kvfold::KVFOLD_ISA
