// The middle of a gated MLP: activation(gate) * up, and its gradient, element by element.
#pragma once
#include <cstdint>

namespace kvfold {

enum class Activation : int32_t { silu, geluTanh, gelu };

/** `kvfold_gated_activation`. Grid `ceil(rows * hidden / 1024)`, block 256: each thread takes 4 elements. */
struct GatedActivationArgs {
  uint64_t gate;     // float32 [rows, hidden] at `stride` numbers a row
  uint64_t up;       // float32, likewise
  uint64_t out;      // float32 [rows, hidden], written; 0: not wanted
  uint64_t outBf16;  // bf16 [rows, hidden], written; 0: not wanted
  int64_t stride;    // `hidden`, or 2 * hidden where both come from one product
  int64_t rows;
  int32_t hidden;
  int32_t activation;  // Activation
};

/** `kvfold_gated_activation_gradient`. Grid and block as above. */
struct GatedActivationGradientArgs {
  uint64_t gate;   // float32 [rows, hidden] at `stride` numbers a row
  uint64_t up;     // float32, likewise
  uint64_t dOut;   // float32 [rows, hidden]
  uint64_t dGate;  // float32, written, at `stride` numbers a row
  uint64_t dUp;    // float32, likewise
  int64_t stride;
  int64_t rows;
  int32_t hidden;
  int32_t activation;  // Activation
};

}  // namespace kvfold
