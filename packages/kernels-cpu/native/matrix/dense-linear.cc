#include "dense-linear.h"

#include "few-rows.h"
#include "gemm-f32.h"

namespace kvfold {

void addBias(const float* bias, int64_t outputs, int64_t rows, float* y) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t o = 0; o < outputs; o++) y[r * outputs + o] += bias[o];
  }
}

bool denseLinear(const float* x, int64_t rows, const float* weight, int64_t inputs, int64_t outputs, const float* bias,
                 float* y) {
  const MatrixF32 left = {x, inputs, 1}, right = {weight, outputs, 1};
  if (rows > 0 && rows <= fewRowsLimit && inputs > 0 && outputs > 0) {
    return fewRows(left, right, y, outputs, rows, outputs, inputs, bias);
  }
  if (!gemmF32(left, right, y, rows, outputs, inputs)) return false;
  if (bias != nullptr) addBias(bias, outputs, rows, y);
  return true;
}

}  // namespace kvfold
