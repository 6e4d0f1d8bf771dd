// One AdamW update (Loshchilov and Hutter 2019).
#pragma once
#include <cmath>
#include <cstdint>

namespace kvfold {

/** `kvfold_adam_w`: grid `ceil(count / 1024)`, block 256: each thread takes 4 elements. Results may lie over the inputs. */
struct AdamWArgs {
  uint64_t param;      // float32 [count]
  uint64_t grad;       // float32 [count]
  uint64_t m;          // float32 [count]
  uint64_t v;          // float32 [count]
  uint64_t nextParam;  // float32 [count], written
  uint64_t nextM;      // float32 [count], written
  uint64_t nextV;      // float32 [count], written
  int64_t count;
  float beta1;
  float beta2;
  float oneLessBeta1;  // 1 - beta, taken in double: float32 would lose digits
  float oneLessBeta2;
  float epsilon;
  float keep;      // 1 - learningRate * weightDecay
  float rate;      // learningRate / (1 - beta1^step)
  float vFactor;   // 1 / (1 - beta2^step)
};

/** Fills in the numbers of a step, from 1 on. */
inline void setAdamWStep(AdamWArgs& args, double learningRate, double beta1, double beta2, double epsilon, double weightDecay,
                         double step) {
  args.beta1 = static_cast<float>(beta1);
  args.beta2 = static_cast<float>(beta2);
  args.oneLessBeta1 = static_cast<float>(1 - beta1);
  args.oneLessBeta2 = static_cast<float>(1 - beta2);
  args.epsilon = static_cast<float>(epsilon);
  args.keep = static_cast<float>(1 - learningRate * weightDecay);
  args.rate = static_cast<float>(learningRate / (1 - std::pow(beta1, step)));
  args.vFactor = static_cast<float>(1 / (1 - std::pow(beta2, step)));
}

}  // namespace kvfold
