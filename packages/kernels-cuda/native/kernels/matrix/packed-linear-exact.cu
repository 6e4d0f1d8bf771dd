// Every storage of weights: products of few rows in float32.
#include "packed-linear-kernel.h"

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_f32(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::f32, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_f32, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_bf16(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::bf16, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_bf16, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_f16(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::f16, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_f16, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_q8_0(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q8_0, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_q8_0, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_q4_0(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q4_0, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_q4_0, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_q4_1(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q4_1, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_q4_1, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_q5_0(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q5_0, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_q5_0, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_q5_1(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q5_1, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_q5_1, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_q4_k(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q4_k, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_q4_k, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_exact_q6_k(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q6_k, kvfold::exactPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_exact_q6_k, kvfold::PackedLinearArgs)
