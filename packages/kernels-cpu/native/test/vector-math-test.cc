// The functions of one variable against the C library's in double precision, over the whole range of float32.
#include <cmath>

#include "../system/runtime.h"
#include "check.h"

namespace kvfold::test {
namespace {

/** Distance of a float32 from an exact value in units of its last place; 0 when both are the same NaN or infinity. */
double ulpsApart(float found, double exact) {
  if (std::isnan(exact) || std::isnan(found)) return std::isnan(exact) && std::isnan(found) ? 0 : INFINITY;
  const float rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || std::isinf(found)) return rounded == found ? 0 : INFINITY;
  int exponent = -149;
  if (rounded != 0) {
    frexp(rounded, &exponent);
    exponent = exponent - 24 < -149 ? -149 : exponent - 24;
  }
  return fabs(found - exact) / ldexp(1, exponent);
}

struct Function {
  UnaryOp op;
  const char* name;
  double (*exact)(double);
  double limit;
};

double reciprocal(double x) { return 1 / x; }
double rsqrt(double x) { return 1 / sqrt(x); }
double square(double x) { return x * x; }
double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

const Function functions[] = {
    {UnaryOp::exp, "exp", exp, 1.5},
    {UnaryOp::log, "log", log, 1.5},
    {UnaryOp::log1p, "log1p", log1p, 3},
    {UnaryOp::sigmoid, "sigmoid", sigmoid, 3},
    {UnaryOp::softplus, "softplus", softplus, 3},
    {UnaryOp::tanh, "tanh", tanh, 2},
    {UnaryOp::erf, "erf", erf, 6},
    {UnaryOp::sqrt, "sqrt", sqrt, 0.5},
    {UnaryOp::rsqrt, "rsqrt", rsqrt, 1.5},
    {UnaryOp::reciprocal, "reciprocal", reciprocal, 0.5},
    {UnaryOp::square, "square", square, 0.5},
    {UnaryOp::floor, "floor", floor, 0},
    {UnaryOp::ceil, "ceil", ceil, 0},
    {UnaryOp::round, "round", nearbyint, 0},
    {UnaryOp::abs, "abs", fabs, 0},
};

}  // namespace

void testVectorMath() {
  // Every so many bit patterns: all exponents, both signs, NaNs, infinities, subnormal numbers.
  constexpr uint32_t step = 20011;
  constexpr int64_t count = 0xffffffffu / step + 1;
  constexpr int64_t special = 6;
  const Exactly<float> x(count + special), y(count + special);
  for (int64_t i = 0; i < count; i++) {
    const uint32_t bits = static_cast<uint32_t>(i) * step;
    memcpy(&x[i], &bits, sizeof bits);
  }
  const float ends[special] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f};
  memcpy(&x[count], ends, sizeof ends);
  for (const Function& function : functions) {
    kernels().unary->run[static_cast<int>(function.op)](x.data(), y.data(), x.count(), 0, 0);
    double worst = 0;
    float at = 0;
    for (int64_t i = 0; i < x.count(); i++) {
      const double apart = ulpsApart(y[i], function.exact(x[i]));
      if (apart > worst) worst = apart, at = x[i];
    }
    check(worst <= function.limit, "%s is %.2f ulp off at %.9g, allowed are %.1f", function.name, worst,
          static_cast<double>(at), function.limit);
  }
}

}  // namespace kvfold::test
