import { type ArgsLayout, argsLayout, type Fields } from "./kernel-args.js";

/** A kernel of the device: its name and the struct that it takes. */
export interface DeviceKernel<F extends Fields> {
  readonly name: string;
  readonly layout: ArgsLayout<F>;
}

/** Threads, blocks and memory of a launch. */
export interface LaunchShape {
  /** Blocks along x, y and z; 1 where left out. */
  readonly grid: readonly [number, number?, number?];
  /** Threads of a block along x, y and z; 1 where left out. */
  readonly block: readonly [number, number?, number?];
  /** Dynamic shared memory of a block, in bytes. Default none. */
  readonly sharedBytes?: number;
}

const declared = new Map<string, Fields>();

/** Every kernel that was declared, and the struct that it takes. */
export const declaredKernels: ReadonlyMap<string, Fields> = declared;

/** Declares a kernel. The fields are those of the struct in `native/kernels/args`, in its order; a test compares them. */
export function deviceKernel<F extends Fields>(name: string, fields: F): DeviceKernel<F> {
  declared.set(name, fields);
  return { name, layout: argsLayout(fields) };
}

/** Several kernels that take the same struct. */
export function deviceKernels<F extends Fields, Name extends string>(
  names: readonly Name[],
  fields: F,
): Readonly<Record<Name, DeviceKernel<F>>> {
  const layout = argsLayout(fields);
  for (const name of names) declared.set(name, fields);
  const kernels = Object.fromEntries(names.map((name) => [name, { name, layout }]));
  return kernels as unknown as Readonly<Record<Name, DeviceKernel<F>>>;
}
