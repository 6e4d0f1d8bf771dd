#include <cmath>

#include "../matrix/packed-linear.h"
#include "../system/runtime.h"
#include "check.h"

namespace kvfold::test {
namespace {

/** Random blocks whose halves, wherever a format has them, are moderate numbers. */
void fillBlocks(const Exactly<uint8_t>& bytes, WeightFormat format, Numbers& numbers) {
  const BlockSize block = blockSizeOf(format);
  for (int64_t i = 0; i < bytes.count(); i++) bytes[i] = static_cast<uint8_t>(numbers.bits());
  const auto setHalf = [&](int64_t at) { bytes[at + 1] = static_cast<uint8_t>(0x24 + (numbers.bits() & 7)); };
  for (int64_t at = 0; at < bytes.count(); at += block.bytes) {
    if (format == WeightFormat::f32) bytes[at + 3] = static_cast<uint8_t>(0x3e + (numbers.bits() & 1) * 0x80);
    if (format == WeightFormat::bf16) bytes[at + 1] = static_cast<uint8_t>(0x3e + (numbers.bits() & 1) * 0x80);
    if (format == WeightFormat::f16) setHalf(at);
    if (block.values > 1) setHalf(format == WeightFormat::q6_k ? at + 208 : at);
    if (format == WeightFormat::q4_1 || format == WeightFormat::q5_1 || format == WeightFormat::q4_k) setHalf(at + 2);
  }
}

void compare(WeightFormat format, int64_t outputs, int64_t inputs, int64_t rows, int digits) {
  Numbers numbers(static_cast<uint64_t>(inputs + rows));
  const int64_t rowBytes = rowBytesOf(format, inputs);
  const Exactly<uint8_t> weights(outputs * rowBytes);
  fillBlocks(weights, format, numbers);
  const Exactly<float> x(rows * inputs), bias(outputs), y(rows * outputs), row(inputs);
  numbers.fill(x);
  numbers.fill(bias);
  setActivationDigits(digits);
  const PackedLinear layer = {format, weights.data(), outputs, inputs, bias.data()};
  check(packedLinear(layer, x.data(), rows, y.data()), "memory");
  double worst = 0;
  for (int64_t o = 0; o < outputs; o++) {
    // The portable decoder is itself compared with reference values in the tests of the TypeScript side.
    kernelsOf(InstructionSet::scalar)->gemv->unpack[static_cast<int>(format)](weights.data() + o * rowBytes, 0, inputs, row.data());
    for (int64_t r = 0; r < rows; r++) {
      double sum = bias[o], squares = sum * sum + 1e-30;
      for (int64_t i = 0; i < inputs; i++) {
        const double term = static_cast<double>(row[i]) * x[r * inputs + i];
        sum += term;
        squares += term * term;
      }
      worst = fmax(worst, fabs(sum - y[r * outputs + o]) / sqrt(squares));
    }
  }
  const double limits[] = {3e-6, 4e-2, 1.5e-4, 3e-6};
  check(worst < limits[digits], "format %d, %d x %d, %d rows, %d digits: %g", static_cast<int>(format),
        static_cast<int>(outputs), static_cast<int>(inputs), static_cast<int>(rows), digits, worst);
}

}  // namespace

void testPackedLinear() {
  for (int f = 0; f < weightFormatCount; f++) {
    const WeightFormat format = static_cast<WeightFormat>(f);
    const int block = blockSizeOf(format).values;
    const int64_t inputs[] = {block == 1 ? 5 : block, block == 1 ? 67 : 3 * block, block == 32 ? 7 * 32 : block};
    for (const int64_t width : inputs) {
      const int64_t rows[] = {1, 2, 4, 7, 35};
      for (const int64_t count : rows) {
        for (int digits = 0; digits <= 3; digits++) compare(format, 21, width, count, digits);
      }
    }
    // more outputs than tiles take at once, and more rows than pass them
    for (int digits = 1; digits <= 3; digits++) compare(format, 150, inputs[2], 70, digits);
  }
  setActivationDigits(3);
}

}  // namespace kvfold::test
