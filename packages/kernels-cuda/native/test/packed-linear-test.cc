// Packed weights: blocks as files hold them, decoded here by hand, against what the kernels make of them.
#include <cstdio>
#include <memory>
#include <utility>

#include "../kernels/args/packed-linear.h"
#include "../kernels/math/bf16.h"
#include "check.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

const char* names[] = {"f32", "bf16", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q6_k"};

double halfOf(const unsigned char* p) {
  uint16_t bits;
  memcpy(&bits, p, 2);
  return f16ToFloat(bits);
}

/** One block in the order of its values, as GGUF defines them. */
void decodeBlock(WeightFormat format, const unsigned char* b, std::vector<double>& out) {
  switch (format) {
    case WeightFormat::f32: {
      float x;
      memcpy(&x, b, 4);
      out.push_back(x);
      return;
    }
    case WeightFormat::bf16: out.push_back(bf16ToFloat(static_cast<uint16_t>(b[0] | b[1] << 8))); return;
    case WeightFormat::f16: out.push_back(halfOf(b)); return;
    case WeightFormat::q8_0:
      for (int i = 0; i < 32; i++) out.push_back(halfOf(b) * static_cast<int8_t>(b[2 + i]));
      return;
    case WeightFormat::q4_0:
      for (int i = 0; i < 32; i++) out.push_back(halfOf(b) * ((i < 16 ? b[2 + i] & 15 : b[2 + i - 16] >> 4) - 8));
      return;
    case WeightFormat::q4_1:
      for (int i = 0; i < 32; i++) out.push_back(halfOf(b) * (i < 16 ? b[4 + i] & 15 : b[4 + i - 16] >> 4) + halfOf(b + 2));
      return;
    case WeightFormat::q5_0:
    case WeightFormat::q5_1: {
      const bool one = format == WeightFormat::q5_1;
      const unsigned char *bits = b + (one ? 4 : 2), *low = bits + 4;
      for (int i = 0; i < 32; i++) {
        const int q = (i < 16 ? low[i] & 15 : low[i - 16] >> 4) | (bits[i / 8] >> (i % 8) & 1) << 4;
        out.push_back(one ? halfOf(b) * q + halfOf(b + 2) : halfOf(b) * (q - 16));
      }
      return;
    }
    case WeightFormat::q4_k:
      for (int i = 0; i < 256; i++) {
        const int sub = i / 32;
        const unsigned char* s = b + 4;
        const int scale = sub < 4 ? s[sub] & 63 : (s[sub + 4] & 15) | (s[sub - 4] >> 6 << 4);
        const int minimum = sub < 4 ? s[sub + 4] & 63 : (s[sub + 4] >> 4) | (s[sub] >> 6 << 4);
        const unsigned char byte = b[16 + sub / 2 * 32 + i % 32];
        out.push_back(halfOf(b) * scale * (sub % 2 == 0 ? byte & 15 : byte >> 4) - halfOf(b + 2) * minimum);
      }
      return;
    case WeightFormat::q6_k:
      for (int i = 0; i < 256; i++) {
        const int half = i / 128, l = i % 32, quarter = i / 32 % 4;
        const unsigned char low = b[64 * half + l + (quarter % 2) * 32];
        const int q = (quarter < 2 ? low & 15 : low >> 4) | (b[128 + 32 * half + l] >> (2 * quarter) & 3) << 4;
        out.push_back(halfOf(b + 208) * static_cast<int8_t>(b[192 + i / 16]) * (q - 32));
      }
      return;
  }
}

/** Random bytes whose scales are ordinary numbers. */
void fillBlock(WeightFormat format, unsigned char* b, int bytes, Numbers& numbers) {
  for (int i = 0; i < bytes; i++) b[i] = static_cast<unsigned char>(numbers.bits());
  const auto half = [&](int offset) {
    const uint16_t bits = static_cast<uint16_t>(0x2000 + (numbers.bits() & 0x83ff) + (numbers.below(4) << 10));
    memcpy(b + offset, &bits, 2);
  };
  const float x = numbers.next();
  if (format == WeightFormat::f32) memcpy(b, &x, 4);
  if (format == WeightFormat::bf16) {
    const uint16_t bits = floatToBf16(x);
    memcpy(b, &bits, 2);
  }
  if (format == WeightFormat::q6_k) half(208);
  if (format != WeightFormat::f32 && format != WeightFormat::bf16 && format != WeightFormat::q6_k) half(0);
  if (format == WeightFormat::q4_1 || format == WeightFormat::q5_1 || format == WeightFormat::q4_k) half(2);
}

void run(WeightFormat format, int tokens, int inputs, int outputs, bool extras) {
  Numbers numbers(static_cast<uint64_t>(format) * 1000 + static_cast<uint64_t>(tokens));
  const BlockParts parts = blockParts(format);
  const int64_t blocks = static_cast<int64_t>(outputs) * inputs / parts.values;
  Array<unsigned char> file(blocks * parts.bytes);
  std::vector<double> weight;
  for (int64_t i = 0; i < blocks; i++) {
    fillBlock(format, file.data() + i * parts.bytes, parts.bytes, numbers);
    decodeBlock(format, file.data() + i * parts.bytes, weight);
  }
  SplitBlocksArgs split = {};
  split.from = file.address(), split.blocks = blocks, split.parts = parts;
  std::vector<std::unique_ptr<Array<unsigned char>>> planes;
  int largest = 0;
  for (int i = 0; i < parts.parts; i++) {
    planes.push_back(std::make_unique<Array<unsigned char>>(blocks * parts.part[i].bytes));
    split.planes[i] = planes.back()->address();
    largest = parts.part[i].bytes > largest ? parts.part[i].bytes : largest;
  }
  launch3("kvfold_split_blocks", split, {{static_cast<unsigned>((blocks * largest + 4095) / 4096), static_cast<unsigned>(parts.parts), 1}, {256, 1, 1}, 0});

  char name[64];
  Array<float> unpacked(weight.size());
  Array<uint16_t> narrow(weight.size());
  UnpackArgs unpack = {};
  memcpy(unpack.planes, split.planes, sizeof unpack.planes);
  unpack.outBf16 = narrow.address(), unpack.outFloat = unpacked.address(), unpack.outputs = outputs, unpack.inputs = inputs;
  snprintf(name, sizeof name, "kvfold_unpack_%s", names[static_cast<int>(format)]);
  launch(name, unpack, static_cast<unsigned>((weight.size() + 8191) / 8192), 256);
  checkClose(name, unpacked, weight, 1e-7);
  for (size_t i = 0; i < weight.size(); i++) check(narrow[i] == floatToBf16(unpacked[i]), "%s: bf16 %zu", name, i);

  Array<float> x(static_cast<size_t>(tokens) * inputs), y(static_cast<size_t>(tokens) * outputs), bias(outputs), residual(y.count());
  numbers.fill(x), numbers.fill(bias), numbers.fill(residual);
  PackedLinearArgs args = {};
  memcpy(args.planes, split.planes, sizeof args.planes);
  args.x = x.address(), args.y = y.address(), args.bias = extras ? bias.address() : 0, args.residual = extras ? residual.address() : 0;
  args.tokens = tokens, args.inputs = inputs, args.outputs = outputs;
  std::vector<double> expected, magnitudes;
  for (int token = 0; token < tokens; token++) {
    for (int output = 0; output < outputs; output++) {
      double sum = extras ? bias[output] + residual[token * outputs + output] : 0.0, magnitude = fabs(sum);
      for (int i = 0; i < inputs; i++) {
        const double product = static_cast<double>(x[token * inputs + i]) * weight[static_cast<size_t>(output) * inputs + i];
        sum += product, magnitude += fabs(product);
      }
      expected.push_back(sum), magnitudes.push_back(magnitude);
    }
  }
  // relative to the sum of the magnitudes: float32 is off by 1e-7 at most here, 16 bits of x by 2e-6
  for (const auto& [precision, tolerance] : {std::pair{"exact_", 3e-7}, std::pair{"", 4e-6}}) {
    snprintf(name, sizeof name, "kvfold_packed_linear_%s%s", precision, names[static_cast<int>(format)]);
    const unsigned across = (outputs + packedLinearOutputs - 1) / packedLinearOutputs, down = (tokens + packedLinearTokens - 1) / packedLinearTokens;
    launch3(name, args, {{across, down, 1}, {packedLinearThreads, 1, 1}, 0});
    double worst = 0;
    for (size_t i = 0; i < expected.size(); i++) {
      const double off = fabs(y[i] - expected[i]) / magnitudes[i];
      worst = off <= worst ? worst : off == off ? off : INFINITY;
    }
    check(worst <= tolerance, "%s: off by %.2e of the magnitudes, %d inputs", name, worst, inputs);
  }
}

KVFOLD_TEST(packedLinear) {
  for (int format = 0; format < weightFormatCount; format++) {
    const WeightFormat own = static_cast<WeightFormat>(format);
    const bool large = blockParts(own).values == 256;
    run(own, 1, large ? 512 : 96, 40, false);
    run(own, 11, large ? 256 : 320, 70, true);
  }
}

}  // namespace
