#include "super-gemv.h"

#include "prefetch.h"
#include "super-block-avx2.h"
#include "super-block-vnni.h"

namespace kvfold::KVFOLD_ISA {
namespace {

#if defined(__AVX512VNNI__) || (defined(__AVX2__) && !defined(__AVX512F__))

constexpr int partsOfBlock = 8;
/** Rows of weights that are read side by side. */
constexpr int together = 4;
/** Bytes that are asked for ahead in each of them: a block of one is done before the next has its turn. */
constexpr int64_t blocksAhead = 1024;

template <WeightFormat format, int digits>
void gemv(const SuperGemvTask& super, int64_t begin, int64_t end) {
  constexpr int blockBytes = SuperWeights<format>::bytes;
  const GemvTask& task = super.task;
  const uint8_t* coded = super.coded;
  const float* scalesOfX = reinterpret_cast<const float*>(coded + super.layout.scaleOffset());
  const float* sumsOfX = reinterpret_cast<const float*>(coded + super.layout.sumOffset());
  const auto outputsOf = [&](int64_t output, int64_t apart, int count) {
    F acc[together];
    for (int o = 0; o < count; o++) acc[o] = all(0);
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
      task.y[at] = sum(acc[o]) + (task.bias == nullptr ? 0 : task.bias[at]);
    }
  };
  const Groups groups = Groups::of(end - begin, together);
  for (int64_t i = 0; i < groups.count; i++) outputsOf(begin + i * groups.step, groups.apart, together);
  for (int64_t o = begin + groups.count * together; o < end; o++) outputsOf(o, 0, 1);
}

/** Codes sixteen values in `digits` of base 256, the highest first, 256 bytes apart; gives the sum of the whole numbers. */
KVFOLD_INLINE int32_t codeSixteen(const float* x, F inverse, int digits, int8_t* into) {
#if defined(__AVX512F__)
  __m512i left = _mm512_cvtps_epi32(mul(load(x), inverse));
  const int32_t total = _mm512_reduce_add_epi32(left);
  for (int d = digits - 1; d >= 0; d--) {
    const __m512i digit = _mm512_srai_epi32(_mm512_slli_epi32(left, 24), 24);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(into + d * 256), _mm512_cvtepi32_epi8(digit));
    left = _mm512_srai_epi32(_mm512_sub_epi32(left, digit), 8);
  }
#else
  int32_t whole[16], total = 0;
  for (int i = 0; i < 16; i += width) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(whole + i), _mm256_cvtps_epi32(mul(load(x + i), inverse)));
  }
  for (int i = 0; i < 16; i++) {
    total += whole[i];
    int32_t left = whole[i];
    for (int d = digits - 1; d >= 0; d--) {
      const int8_t digit = static_cast<int8_t>(left & 255);
      into[d * 256 + i] = digit;
      left = (left - digit) / 256;
    }
  }
#endif
  return total;
}

/** Codes a block of 256; see `SuperLayout`. */
void codeBlock(const float* x, int digits, int8_t* into, float* scale, float* sums) {
  F most = all(0), taint = all(0);
  for (int i = 0; i < 256; i += width) {
    most = max(most, abs(load(x + i)));
    taint = fma(load(x + i), all(0), taint);  // NaN when a value is NaN or infinite
  }
  const float peak = maxLane(most), largest = 127.0f * static_cast<float>(1 << (8 * (digits - 1)));
  const F inverse = all(peak > 0 ? largest / peak : 0);
  *scale = peak / largest + sum(taint);
  for (int half = 0; half < 16; half++) {
    // of the values as coded: what is taken off then fits what is multiplied with the scales
    sums[8 + half] = *scale * static_cast<float>(codeSixteen(x + 16 * half, inverse, digits, into + 16 * half));
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
