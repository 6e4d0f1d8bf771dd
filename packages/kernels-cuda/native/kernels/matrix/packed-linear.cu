// Every storage of weights: products of few rows whose precision is bf16, and unpacking for those of many.
#include "packed-linear-kernel.h"

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_f32(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::f32, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_f32, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_f32(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::f32>(args);
}
KVFOLD_KERNEL(kvfold_unpack_f32, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_bf16(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::bf16, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_bf16, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_bf16(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::bf16>(args);
}
KVFOLD_KERNEL(kvfold_unpack_bf16, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_f16(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::f16, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_f16, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_f16(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::f16>(args);
}
KVFOLD_KERNEL(kvfold_unpack_f16, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_q8_0(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q8_0, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_q8_0, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_q8_0(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::q8_0>(args);
}
KVFOLD_KERNEL(kvfold_unpack_q8_0, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_q4_0(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q4_0, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_q4_0, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_q4_0(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::q4_0>(args);
}
KVFOLD_KERNEL(kvfold_unpack_q4_0, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_q4_1(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q4_1, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_q4_1, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_q4_1(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::q4_1>(args);
}
KVFOLD_KERNEL(kvfold_unpack_q4_1, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_q5_0(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q5_0, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_q5_0, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_q5_0(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::q5_0>(args);
}
KVFOLD_KERNEL(kvfold_unpack_q5_0, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_q5_1(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q5_1, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_q5_1, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_q5_1(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::q5_1>(args);
}
KVFOLD_KERNEL(kvfold_unpack_q5_1, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_q4_k(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q4_k, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_q4_k, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_q4_k(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::q4_k>(args);
}
KVFOLD_KERNEL(kvfold_unpack_q4_k, kvfold::UnpackArgs)

extern "C" __global__ void __launch_bounds__(kvfold::packedLinearThreads, 2)
    kvfold_packed_linear_q6_k(const kvfold::PackedLinearArgs args) {
  kvfold::packedLinear<kvfold::WeightFormat::q6_k, kvfold::narrowPlanes>(args);
}
KVFOLD_KERNEL(kvfold_packed_linear_q6_k, kvfold::PackedLinearArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unpack_q6_k(const kvfold::UnpackArgs args) {
  kvfold::unpack<kvfold::WeightFormat::q6_k>(args);
}
KVFOLD_KERNEL(kvfold_unpack_q6_k, kvfold::UnpackArgs)
