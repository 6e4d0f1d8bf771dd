import * as tf from "@tensorflow/tfjs-core";
import { gradientInputs, type KernelSuite, type RunnableCase } from "./kernel-suite.js";
import { seeded } from "./seeded.js";

/** A tensor's content, off the backend. */
interface Content {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly values: ArrayLike<number>;
}

/**
 * Runs one case of a kernel on a backend and its reference form on `cpu`: outputs and gradients must agree within the
 * case's tolerance, and no tensor may be left behind. Gradients are compared once the outputs agree. Both backends must
 * be registered. Leaves `cpu` as the backend.
 *
 * @returns one sentence per difference; empty when the backend conforms
 */
export async function compareKernel(suite: KernelSuite, example: RunnableCase, backend: string): Promise<string[]> {
  await tf.setBackend("cpu");
  const reference = example.makeInputs();
  const wantedOutputs = await outputsOf(reference, example.reference);
  const wantedGradients = await gradientsOf(reference, gradientInputs(suite, reference), example.reference);
  tf.dispose(reference);
  await tf.setBackend(backend);
  try {
    const before = counts();
    const inputs = example.makeInputs();
    const leaked = leakOfOneCall(inputs, example.call);
    const found = differences(await outputsOf(inputs, example.call), wantedOutputs, example.tolerance);
    if (found.length === 0) {
      const gradients = await gradientsOf(inputs, gradientInputs(suite, inputs), example.call);
      found.push(...differences(gradients, wantedGradients, example.tolerance));
    }
    tf.dispose(inputs);
    const after = counts();
    const leaks = [
      ...(leaked === 0 ? [] : [`a call left ${leaked} tensors beside its outputs`]),
      ...(after.tensors === before.tensors ? [] : [`${after.tensors - before.tensors} tensors were left in all`]),
      ...(after.buffers === before.buffers ? [] : [`the backend kept ${after.buffers - before.buffers} buffers`]),
    ];
    return [...found, ...leaks];
  } finally {
    await tf.setBackend("cpu");
  }
}

function counts() {
  return { tensors: tf.memory().numTensors, buffers: tf.backend().numDataIds() };
}

/** Tensors that one call outside any scope leaves besides its outputs. */
function leakOfOneCall(inputs: Record<string, tf.Tensor>, run: RunnableCase["call"]): number {
  const before = tf.memory().numTensors;
  const outputs = run(inputs);
  const leaked = tf.memory().numTensors - before - outputs.length;
  tf.dispose(outputs);
  return leaked;
}

/** Outputs of a run, read to the host. */
async function outputsOf(inputs: Record<string, tf.Tensor>, run: RunnableCase["call"]): Promise<Content[]> {
  const outputs = run(inputs);
  const found = await Promise.all(outputs.map((tensor, i) => read(`output ${i}`, tensor)));
  tf.dispose(outputs);
  return found;
}

/** Gradients of a weighted sum of the outputs, one for each input named. */
async function gradientsOf(
  inputs: Record<string, tf.Tensor>,
  names: readonly string[],
  run: RunnableCase["call"],
): Promise<Content[]> {
  if (names.length === 0) return [];
  const gradients = tf.tidy(() => {
    const loss = (...xs: tf.Tensor[]) => {
      const varied = { ...inputs, ...Object.fromEntries(names.map((name, i) => [name, xs[i] as tf.Tensor])) };
      return weightedSum(run(varied));
    };
    return tf.grads(loss)(names.map((name) => inputs[name] as tf.Tensor));
  });
  const found = await Promise.all(gradients.map((tensor, i) => read(`gradient of ${names[i]}`, tensor)));
  tf.dispose(gradients);
  return found;
}

/** A scalar that every element of every float output moves by its own amount. */
function weightedSum(outputs: tf.Tensor[]): tf.Scalar {
  const floats = outputs.filter((tensor) => tensor.dtype === "float32");
  const terms = floats.map((tensor, i) => tf.sum(tf.mul(tensor, seeded(1000 + i).normal(tensor.shape))));
  return terms.reduce((a, b) => tf.add(a, b)) as tf.Scalar;
}

async function read(name: string, tensor: tf.Tensor): Promise<Content> {
  return { name, shape: tensor.shape, dtype: tensor.dtype, values: await tensor.data() };
}

function differences(actual: Content[], expected: Content[], tolerance: number): string[] {
  if (actual.length !== expected.length) return [`${actual.length} results in place of ${expected.length}`];
  return actual.flatMap((got, i) => {
    const want = expected[i] as Content;
    const form = (c: Content) => `${c.dtype} [${c.shape}]`;
    if (form(got) !== form(want)) return [`${want.name} is ${form(got)} in place of ${form(want)}`];
    return farApart(got, want, tolerance);
  });
}

function farApart(got: Content, want: Content, tolerance: number): string[] {
  let worst = 0;
  let at = -1;
  let count = 0;
  for (let i = 0; i < want.values.length; i++) {
    const e = want.values[i] as number;
    const a = got.values[i] as number;
    // NaN on one side only, or infinities that differ, are infinitely far apart.
    const apart = Object.is(a, e) ? 0 : Math.abs(a - e) / (tolerance + tolerance * Math.abs(e));
    const excess = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
    if (excess <= 1) continue;
    count++;
    if (excess > worst) {
      worst = excess;
      at = i;
    }
  }
  if (count === 0) return [];
  return [
    `${want.name}: ${count} of ${want.values.length} values differ by more than ${tolerance}; ` +
      `worst at ${at}: ${got.values[at]} in place of ${want.values[at]}`,
  ];
}
