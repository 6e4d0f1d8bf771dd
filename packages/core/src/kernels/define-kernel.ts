import * as tf from "@tensorflow/tfjs-core";
import { vectorJacobian } from "../ops/vector-jacobian.js";
import { withGradient } from "../ops/with-gradient.js";

/** Named tensor inputs of a kernel; an optional input that is absent is `undefined`. */
export type KernelInputs = Record<string, tf.Tensor | undefined>;

/** What a kernel returns: one tensor, or a fixed tuple of tensors. */
export type KernelOutput = tf.Tensor | readonly tf.Tensor[];

/** The parts of a fused kernel; see {@link defineKernel}. */
export interface KernelDefinition<I extends KernelInputs, A extends object, O extends KernelOutput> {
  /** Name in TensorFlow.js's kernel registry; starts with `Kvfold`, has no underscore. */
  readonly name: string;
  /** The definition of the kernel: plain TensorFlow.js ops, differentiable, right on every backend. */
  readonly reference: (inputs: I, attrs: A) => O;
  /**
   * Inputs that receive a gradient when a backend runs its fast form. The gradient is that of the reference form,
   * recomputed from the saved inputs, unless {@link gradient} says better or the backend registers one for `name`.
   */
  readonly differentiable?: readonly (keyof I & string)[];
  /**
   * Gradients of the differentiable inputs that are there, from the gradients of the outputs; made of fused kernels.
   * `outputs` is empty unless {@link savesOutputs} says so.
   */
  readonly gradient?: (
    inputs: I,
    attrs: A,
    upstream: readonly tf.Tensor[],
    outputs: readonly tf.Tensor[],
  ) => { readonly [K in keyof I]?: tf.Tensor };
  /** True when `gradient` needs the outputs: they then live until the backward pass. Default: they do not. */
  readonly savesOutputs?: boolean;
}

/** A fused kernel: call it like a function; `reference` is the slow form that every fast form must equal. */
export interface Kernel<I extends KernelInputs, A extends object, O extends KernelOutput> {
  (inputs: I, attrs: A): O;
  /** Name in TensorFlow.js's kernel registry. */
  readonly kernelName: string;
  /** The slow form in plain TensorFlow.js ops. */
  readonly reference: (inputs: I, attrs: A) => O;
  /** Inputs that receive a gradient. */
  readonly differentiable: readonly (keyof I & string)[];
}

/**
 * Makes a fused kernel of the contract. A call runs the fast form that the current backend registered under `name`
 * with `tf.registerKernel`, else the reference form. So a kernels package only registers TensorFlow.js kernels, and a
 * backend that lacks one still gives the right answer.
 */
export function defineKernel<I extends KernelInputs, A extends object, O extends KernelOutput>(
  definition: KernelDefinition<I, A, O>,
): Kernel<I, A, O> {
  const { name, reference } = definition;
  const differentiable = definition.differentiable ?? [];
  const call = (inputs: I, attrs: A): O => {
    if (tf.getKernel(name, tf.getBackend()) === undefined) return reference(inputs, attrs);
    const present = Object.fromEntries(
      Object.entries(inputs).filter(([, tensor]) => tensor !== undefined),
    ) as tf.NamedTensorMap;
    const runFast = () => tf.engine().runKernel(name, present, { ...attrs } as unknown as tf.NamedAttrMap);
    const ownGradient = differentiable.length === 0 || tf.getGradient(name) !== undefined;
    if (ownGradient || !isTaping()) return runFast() as O;
    return withGradient({
      inputs: present as Record<string, tf.Tensor>,
      forward: (save) => {
        const out = runFast();
        const kept = definition.savesOutputs ? ((Array.isArray(out) ? out : [out]) as tf.Tensor[]) : [];
        save([...(Object.values(present) as tf.Tensor[]), ...kept]);
        return out;
      },
      backward: (upstream, saved) => {
        const names = Object.keys(present);
        const inputsAgain = Object.fromEntries(names.map((key, i) => [key, saved[i]])) as unknown as I;
        if (definition.gradient === undefined) {
          return referenceGradient(reference, inputsAgain, attrs, upstream, differentiable);
        }
        const gradients = Object.entries(definition.gradient(inputsAgain, attrs, upstream, saved.slice(names.length)));
        return Object.fromEntries(gradients.map(([key, gradient]) => [key, () => gradient as tf.Tensor]));
      },
    }) as O;
  };
  return Object.assign(call, { kernelName: name, reference, differentiable });
}

function isTaping(): boolean {
  return tf.engine().state.gradientDepth > 0 && tf.engine().state.kernelDepth === 0;
}

/** Vector-Jacobian product of a reference form, recomputed from the inputs; absent inputs get none. */
function referenceGradient<I extends KernelInputs, A extends object, O extends KernelOutput>(
  reference: (inputs: I, attrs: A) => O,
  inputs: I,
  attrs: A,
  upstream: readonly tf.Tensor[],
  differentiable: readonly (keyof I & string)[],
): Record<string, () => tf.Tensor> {
  const names = differentiable.filter((name) => inputs[name] !== undefined);
  const run = (...xs: tf.Tensor[]) => {
    const out = reference({ ...inputs, ...Object.fromEntries(names.map((name, i) => [name, xs[i]])) }, attrs);
    return (Array.isArray(out) ? out : [out]) as tf.Tensor[];
  };
  const given = names.map((name) => inputs[name] as tf.Tensor);
  // Computed here and not on demand: the engine disposes everything that the computation of one input's gradient leaves.
  const grads = vectorJacobian(run, given, upstream);
  return Object.fromEntries(names.map((name, i) => [name, () => grads[i] as tf.Tensor]));
}
