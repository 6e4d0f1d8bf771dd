// Scores of three heads with four keys, written out for AVX2. Twelve sums, three queries and a key take all sixteen registers:
// what GCC makes of it keeps some sums in memory, whose products then wait for each other, and asks for many lines at once.
#pragma once
#include "attention-stored.h"
#include "simd-reduce.h"

#if defined(__AVX2__) && !defined(__AVX512F__)

namespace kvfold::KVFOLD_ISA {

alignas(32) constexpr uint32_t oddHalves[] = {0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000,
                                              0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000};

// Operands: sums a0 to c3 and four registers w0 to w3; q the first head's query, row bytes before the next head's; s0 to s3 the
// keys; p0 to p3 lines that are asked for; i the channel.
#define KVFOLD_ZERO(r) "vxorps %x[" r "], %x[" r "], %x[" r "]\n\t"
#define KVFOLD_ZEROS(h) KVFOLD_ZERO(h "0") KVFOLD_ZERO(h "1") KVFOLD_ZERO(h "2") KVFOLD_ZERO(h "3")
#define KVFOLD_ASK(s, scale) "prefetcht0 (%[p" s "], %[i], " scale ")\n\t"

#define KVFOLD_QUERIES(at)                                                            \
  "vmovups " at "(%[q], %[i], 4), %[w0]\n\tvmovups %c[row]+" at "(%[q], %[i], 4), %[w1]\n\t" \
  "vmovups 2*%c[row]+" at "(%[q], %[i], 4), %[w2]\n\t"
#define KVFOLD_FMA(e)                                                                                       \
  "vfmadd231ps %[w0], %[w3], %[a" e "]\n\tvfmadd231ps %[w1], %[w3], %[b" e "]\n\tvfmadd231ps %[w2], %[w3], %[c" e "]\n\t"
#define KVFOLD_FLOATS(at, e) "vmovups " at "(%[s" e "], %[i], 4), %[w3]\n\t" KVFOLD_FMA(e)
#define KVFOLD_EVENS(at, e) "vmovdqu " at "(%[s" e "], %[i], 2), %[w3]\n\tvpslld $16, %[w3], %[w3]\n\t" KVFOLD_FMA(e)
#define KVFOLD_ODDS(at, e) "vmovdqu " at "(%[s" e "], %[i], 2), %[w3]\n\tvpand %[constant], %[w3], %[w3]\n\t" KVFOLD_FMA(e)
/** Four keys by one vector of channels. */
#define KVFOLD_KEYS(key, at, ask0, ask1) key(at, "0") ask0 key(at, "1") key(at, "2") ask1 key(at, "3")

#define KVFOLD_WORDS(at, e)                                                                        \
  "vpmaddwd " at "(%[q], %[i], 2), %[w3], %[w0]\n\tvpaddd %[w0], %[a" e "], %[a" e "]\n\t"           \
  "vpmaddwd %c[row]+" at "(%[q], %[i], 2), %[w3], %[w0]\n\tvpaddd %[w0], %[b" e "], %[b" e "]\n\t"   \
  "vpmaddwd 2*%c[row]+" at "(%[q], %[i], 2), %[w3], %[w0]\n\tvpaddd %[w0], %[c" e "], %[c" e "]\n\t"
#define KVFOLD_EVEN_BYTES(at, atQuery, e) \
  "vpmaddubsw " at "(%[s" e "], %[i]), %[w1], %[w3]\n\t" KVFOLD_WORDS(atQuery, e)
#define KVFOLD_ODD_BYTES(at, atQuery, e) \
  "vmovdqu " at "(%[s" e "], %[i]), %[w3]\n\tvpsraw $8, %[w3], %[w3]\n\t" KVFOLD_WORDS(atQuery, e)
#define KVFOLD_BYTE_KEYS(key, at, atQuery, ask) \
  key(at, atQuery, "0") key(at, atQuery, "1") ask key(at, atQuery, "2") key(at, atQuery, "3")

/** Sums of every second lane of the four sums of a head, side by side in each half. */
#define KVFOLD_TREE(h, add)                                                                                               \
  "vblendps $0xcc, %[" h "1], %[" h "0], %[w0]\n\tvshufps $0x4e, %[" h "1], %[" h "0], %[" h "0]\n\t"                       \
  add " %[w0], %[" h "0], %[" h "0]\n\t"                                                                                  \
  "vblendps $0xcc, %[" h "3], %[" h "2], %[w1]\n\tvshufps $0x4e, %[" h "3], %[" h "2], %[" h "2]\n\t"                       \
  add " %[w1], %[" h "2], %[" h "2]\n\t"                                                                                  \
  "vshufps $0x88, %[" h "2], %[" h "0], %[w2]\n\tvshufps $0xdd, %[" h "2], %[" h "0], %[" h "0]\n\t"                        \
  add " %[w2], %[" h "0], %[" h "0]\n\t"

#define KVFOLD_THREE(body, step, queryScale, add)                                                                   \
  __asm__ volatile(KVFOLD_ZEROS("a") KVFOLD_ZEROS("b") KVFOLD_ZEROS("c") ".p2align 4\n1:\n\t" body                     \
                   "add $" step ", %[i]\n\tcmp $%c[row]/" queryScale ", %[i]\n\tjl 1b\n\t"                                   \
                   KVFOLD_TREE("a", add) KVFOLD_TREE("b", add) KVFOLD_TREE("c", add)                                         \
                   : [a0] "=&x"(sums[0]), [b0] "=&x"(sums[1]), [c0] "=&x"(sums[2]), [a1] "=&x"(r[0]), [a2] "=&x"(r[1]),       \
                     [a3] "=&x"(r[2]), [b1] "=&x"(r[3]), [b2] "=&x"(r[4]), [b3] "=&x"(r[5]), [c1] "=&x"(r[6]),                \
                     [c2] "=&x"(r[7]), [c3] "=&x"(r[8]), [w0] "=&x"(r[9]), [w1] "=&x"(r[10]), [w2] "=&x"(r[11]),              \
                     [w3] "=&x"(r[12]), [i] "+r"(i)                                                                         \
                   : [q] "r"(q), [s0] "r"(slots[0]), [s1] "r"(slots[1]), [s2] "r"(slots[2]), [s3] "r"(slots[3]),             \
                     [p0] "r"(at[0]), [p1] "r"(at[1]), [p2] "r"(at[2]), [p3] "r"(at[3]), [row] "i"(row),                      \
                     [constant] "m"(constant)                                                                               \
                   : "memory", "cc")

/** Products of four keys with three queries, `sums[head]` as `QuadSums` has them; asks for lines from the places `at`. */
template <EntryCodec codec, int dims>
KVFOLD_INLINE void threeScores(const float* q, const uint8_t* const* slots, const uint8_t* const* at, F* sums) {
  F r[13];
  int64_t i = 0;
  constexpr int row = dims * 4;
  const auto& constant = oddHalves;
  if constexpr (codec == EntryCodec::f32) {
    KVFOLD_THREE(KVFOLD_QUERIES("0") KVFOLD_KEYS(KVFOLD_FLOATS, "0", KVFOLD_ASK("0", "4"), KVFOLD_ASK("1", "4"))
                 KVFOLD_QUERIES("32") KVFOLD_KEYS(KVFOLD_FLOATS, "32", KVFOLD_ASK("2", "4"), KVFOLD_ASK("3", "4")),
                 "16", "4", "vaddps");
  } else {
    KVFOLD_THREE(KVFOLD_QUERIES("0") KVFOLD_KEYS(KVFOLD_EVENS, "0", KVFOLD_ASK("0", "2"), "")
                 KVFOLD_QUERIES("32") KVFOLD_KEYS(KVFOLD_ODDS, "0", KVFOLD_ASK("1", "2"), "")
                 KVFOLD_QUERIES("64") KVFOLD_KEYS(KVFOLD_EVENS, "32", KVFOLD_ASK("2", "2"), "")
                 KVFOLD_QUERIES("96") KVFOLD_KEYS(KVFOLD_ODDS, "32", KVFOLD_ASK("3", "2"), ""),
                 "32", "4", "vaddps");
  }
}

/** The same for int8 keys and queries in words; `sums[head]` are whole numbers. */
template <int dims>
KVFOLD_INLINE void threeWordScores(const int16_t* q, const uint8_t* const* slots, const uint8_t* const* at, I* sums) {
  I r[13];
  int64_t i = 0;
  constexpr int row = dims * 2;
  alignas(32) static constexpr uint16_t constant[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  KVFOLD_THREE("vmovdqa %[constant], %[w1]\n\t"
               KVFOLD_BYTE_KEYS(KVFOLD_EVEN_BYTES, "0", "0", KVFOLD_ASK("0", "1"))
               KVFOLD_BYTE_KEYS(KVFOLD_ODD_BYTES, "0", "32", KVFOLD_ASK("1", "1"))
               KVFOLD_BYTE_KEYS(KVFOLD_EVEN_BYTES, "32", "64", KVFOLD_ASK("2", "1"))
               KVFOLD_BYTE_KEYS(KVFOLD_ODD_BYTES, "32", "96", KVFOLD_ASK("3", "1")),
               "64", "2", "vpaddd");
}

}  // namespace kvfold::KVFOLD_ISA

#endif
