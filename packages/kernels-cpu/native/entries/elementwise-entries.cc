// Entry points of functions of each element: of one array, of two that broadcast, of gated MLPs, conversions.
#include <algorithm>

#include "../elementwise/broadcast.h"
#include "../entry-point.h"
#include "../system/recorder.h"
#include "../system/runtime.h"
#include "steps-args.h"

namespace kvfold {
namespace {

/** Nanoseconds for each result of a function, most of which are made of an exponential. */
constexpr double unaryCost = 0.3;

/** Runs work that cannot fail, now and whenever the recording that is under way is replayed. */
template <class Work>
void performOn(Args& args, const Work& work) {
  const auto run = [work] {
    work();
    return true;
  };
  args.require(perform(run), "out of memory");
}

/** unary(op, x, out, p, q); op by its place in UnaryOp. out may be x. */
napi_value Unary(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t op = args.size(0);
  const Span<float> x = args.floats(1), out = args.floats(2);
  const float p = static_cast<float>(args.number(3)), q = static_cast<float>(args.number(4));
  args.require(op < unaryOpCount, "there is no such function");
  args.require(out.length >= x.length, "out must be as long as x");
  if (!args.ok()) return nullptr;
  const UnaryKernels::Run run = kernels().unary->run[op];
  performOn(args, [=] {
    parallelWork(x.length, unaryCost,
                 [&](int64_t begin, int64_t end) { run(x.data + begin, out.data + begin, end - begin, p, q); });
  });
  return nullptr;
}

/** gatedActivation(activation, gate, up, out); activation by its place in Activation. out may be gate or up. */
napi_value GatedActivation(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t activation = args.size(0);
  const Span<float> gate = args.floats(1), up = args.floats(2), out = args.floats(3);
  args.require(activation < activationCount, "there is no such activation");
  args.require(up.length >= gate.length && out.length >= gate.length, "up or out does not fit its array");
  if (!args.ok()) return nullptr;
  const ActivationKernels::Gate run = kernels().activation->gate[activation];
  performOn(args, [=] {
    parallelWork(gate.length, unaryCost, [&](int64_t begin, int64_t end) {
      run(gate.data + begin, up.data + begin, out.data + begin, end - begin);
    });
  });
  return nullptr;
}

/** gatedActivationGradient(activation, gate, up, dy, dGate, dUp) */
napi_value GatedActivationGradient(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t activation = args.size(0);
  const Span<float> gate = args.floats(1), up = args.floats(2), dy = args.floats(3), dGate = args.floats(4), dUp = args.floats(5);
  args.require(activation < activationCount, "there is no such activation");
  const int64_t least = std::min({up.length, dy.length, dGate.length, dUp.length});
  args.require(least >= gate.length, "up, dy or a gradient does not fit its array");
  if (!args.ok()) return nullptr;
  const ActivationKernels::Gradient run = kernels().activation->gradient[activation];
  parallelWork(gate.length, 2 * unaryCost, [&](int64_t begin, int64_t end) {
    run(gate.data + begin, up.data + begin, dy.data + begin, dGate.data + begin, dUp.data + begin, end - begin);
  });
  return nullptr;
}

/** The common part: (op, a, b, out, plan, rank); the plan's distances are those of a and b. */
template <class In, class Out>
void runBinary(Args& args, const BinaryKernels::Run<In, Out>* runs, int64_t op, Span<In> a, Span<In> b, Span<Out> out) {
  const Steps steps = readSteps(args, 4, a.length, b.length);
  if (!args.ok()) return;
  const int last = steps.rank - 1;
  args.require(steps.rank == 0 || (steps.x[last] <= 1 && steps.y[last] <= 1), "the last distance must be 0 or 1");
  args.require(steps.count() <= out.length, "the results do not fit their array");
  args.require(steps.rank > 0 || (a.length > 0 && b.length > 0), "operands must not be empty");
  args.require(runs[op] != nullptr, "there is no such function for this type");
  if (!args.ok()) return;
  const BinaryKernels::Run<In, Out> run = runs[op];
  performOn(args, [=] { broadcast(run, a.data, b.data, out.data, steps); });
}

/** arithmetic(op, a, b, out, plan, rank); op by its place in ArithmeticOp. */
napi_value Arithmetic(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t op = args.size(0);
  args.require(op < arithmeticOpCount, "there is no such function");
  runBinary(args, kernels().binary->floats, op, args.floats(1), args.floats(2), args.floats(3));
  return nullptr;
}

/** arithmeticInts(op, a, b, out, plan, rank) */
napi_value ArithmeticInts(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t op = args.size(0);
  args.require(op < arithmeticOpCount, "there is no such function");
  runBinary(args, kernels().binary->ints, op, args.ints(1), args.ints(2), args.ints(3));
  return nullptr;
}

/** compare(op, a, b, out, plan, rank); op by its place in ComparisonOp. */
napi_value Compare(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t op = args.size(0);
  args.require(op < comparisonOpCount, "there is no such function");
  runBinary(args, kernels().binary->compareFloats, op, args.floats(1), args.floats(2), args.bytes(3));
  return nullptr;
}

/** compareInts(op, a, b, out, plan, rank) */
napi_value CompareInts(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t op = args.size(0);
  args.require(op < comparisonOpCount, "there is no such function");
  runBinary(args, kernels().binary->compareInts, op, args.ints(1), args.ints(2), args.bytes(3));
  return nullptr;
}

/** logical(op, a, b, out, plan, rank); op by its place in LogicalOp. */
napi_value Logical(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t op = args.size(0);
  args.require(op < logicalOpCount, "there is no such function");
  runBinary(args, kernels().binary->logical, op, args.bytes(1), args.bytes(2), args.bytes(3));
  return nullptr;
}

/** select(condition, yes, no, out): all as long as the condition; elements of 4 bytes. */
napi_value Select(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int64_t yesBytes, noBytes, outBytes;
  const Span<uint8_t> condition = args.bytes(0);
  const Span<uint8_t> yes = args.elements(1, yesBytes), no = args.elements(2, noBytes), out = args.elements(3, outBytes);
  args.require(yesBytes == 4 && noBytes == 4 && outBytes == 4, "elements must have 4 bytes");
  const int64_t n = condition.length;
  args.require(yes.length >= 4 * n && no.length >= 4 * n && out.length >= 4 * n, "arrays must be as long as the condition");
  if (!args.ok()) return nullptr;
  const auto* from = reinterpret_cast<const int32_t*>(yes.data);
  const auto* other = reinterpret_cast<const int32_t*>(no.data);
  auto* to = reinterpret_cast<int32_t*>(out.data);
  const uint8_t* which = condition.data;
  performOn(args, [=] {
    parallelWork(n, elementCost, [&](int64_t begin, int64_t end) {
      kernels().convert->select(which + begin, from + begin, other + begin, to + begin, end - begin);
    });
  });
  return nullptr;
}

template <class In, class Out>
void runConversion(Args& args, void (*run)(const In*, Out*, int64_t), Span<In> x, Span<Out> out) {
  args.require(out.length >= x.length, "out must be as long as x");
  if (!args.ok()) return;
  performOn(args, [=] {
    parallelWork(x.length, elementCost,
                 [&](int64_t begin, int64_t end) { run(x.data + begin, out.data + begin, end - begin); });
  });
}

/** intsToFloats(x, out) */
napi_value IntsToFloats(napi_env env, napi_callback_info info) {
  Args args(env, info);
  runConversion(args, kernels().convert->intsToFloats, args.ints(0), args.floats(1));
  return nullptr;
}

/** bytesToFloats(x, out) */
napi_value BytesToFloats(napi_env env, napi_callback_info info) {
  Args args(env, info);
  runConversion(args, kernels().convert->bytesToFloats, args.bytes(0), args.floats(1));
  return nullptr;
}

/** bytesToInts(x, out) */
napi_value BytesToInts(napi_env env, napi_callback_info info) {
  Args args(env, info);
  runConversion(args, kernels().convert->bytesToInts, args.bytes(0), args.ints(1));
  return nullptr;
}

/** floatsToInts(x, out) */
napi_value FloatsToInts(napi_env env, napi_callback_info info) {
  Args args(env, info);
  runConversion(args, kernels().convert->floatsToInts, args.floats(0), args.ints(1));
  return nullptr;
}

const EntryPoint entries[] = {
    {"unary", Unary},
    {"gatedActivation", GatedActivation},
    {"gatedActivationGradient", GatedActivationGradient},
    {"arithmetic", Arithmetic},
    {"arithmeticInts", ArithmeticInts},
    {"compare", Compare},
    {"compareInts", CompareInts},
    {"logical", Logical},
    {"select", Select},
    {"intsToFloats", IntsToFloats},
    {"bytesToFloats", BytesToFloats},
    {"bytesToInts", BytesToInts},
    {"floatsToInts", FloatsToInts},
};

}  // namespace

extern const EntryTable elementwiseEntries;
const EntryTable elementwiseEntries = entryTable(entries);

}  // namespace kvfold
