import * as tf from "@tensorflow/tfjs-core";
import type { Kernel, KernelInputs, KernelOutput } from "../kernels/define-kernel.js";

/** One conformance case of a kernel: seeded inputs, attributes, and how close backends must come. */
export interface KernelCase<I extends KernelInputs, A extends object> {
  /** What is special about this case. */
  readonly title: string;
  /** Makes the inputs on the current backend, in a tidy scope; every call must give the same values. */
  readonly inputs: () => I;
  readonly attrs: A;
  /** Allowed difference, absolute plus relative; default 1e-5. Give a reason where it is larger. */
  readonly tolerance?: number;
}

/** A case with its kernel's types folded away; what conformance runs. */
export interface RunnableCase {
  readonly title: string;
  readonly tolerance: number;
  readonly attrs: object;
  makeInputs(): Record<string, tf.Tensor>;
  /** The kernel as a backend runs it: its fast form where it has one. */
  call(inputs: Record<string, tf.Tensor>): tf.Tensor[];
  /** The definition of the kernel. */
  reference(inputs: Record<string, tf.Tensor>): tf.Tensor[];
}

/** The differentiable inputs of a case that have a gradient to compare: floats, and not empty. */
export function gradientInputs(suite: KernelSuite, inputs: Readonly<Record<string, tf.Tensor>>): string[] {
  return suite.differentiable.filter((name) => inputs[name]?.dtype === "float32" && inputs[name].size > 0);
}

/** A kernel with its conformance cases. */
export interface KernelSuite {
  readonly kernelName: string;
  /** Inputs that receive a gradient. */
  readonly differentiable: readonly string[];
  readonly cases: readonly RunnableCase[];
}

/** Pairs a kernel with its cases, so that kernels of different types go in one list. */
export function kernelSuite<I extends KernelInputs, A extends object, O extends KernelOutput>(
  kernel: Kernel<I, A, O>,
  cases: readonly KernelCase<I, A>[],
): KernelSuite {
  const list = (output: KernelOutput) => (Array.isArray(output) ? [...output] : [output]) as tf.Tensor[];
  return {
    kernelName: kernel.kernelName,
    differentiable: kernel.differentiable,
    cases: cases.map(({ title, inputs, attrs, tolerance }) => ({
      title,
      tolerance: tolerance ?? 1e-5,
      attrs,
      makeInputs: () =>
        tf.tidy(() =>
          Object.fromEntries(Object.entries(inputs()).filter((entry): entry is [string, tf.Tensor] => !!entry[1])),
        ),
      call: (tensors) => list(kernel(tensors as unknown as I, attrs)),
      reference: (tensors) => list(kernel.reference(tensors as unknown as I, attrs)),
    })),
  };
}
