import { KvfoldError, type PackedWeight } from "@kvfold/core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import type { CudaEngine } from "../engine/cuda-engine.js";
import { deviceKernel } from "../engine/device-kernel.js";
import type { Block } from "../engine/memory-pool.js";

/** Storage types that products compute on, in the order of `WeightFormat` in native/kernels/args/packed-linear.h. */
export const weightFormats = ["f32", "bf16", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q6_k"] as const;

const splitBlocks = deviceKernel("kvfold_split_blocks", {
  from: "address",
  planes: "address[4]",
  blocks: "long",
  parts: { values: "int", bytes: "int", parts: "int", part: "int[8]" },
});

/** A packed weight on the device: the parts of its blocks, each an array of its own. */
export interface DeviceWeight {
  readonly format: (typeof weightFormats)[number];
  readonly planes: readonly number[];
}

const held = new WeakMap<PackedWeight, { readonly engine: CudaEngine; readonly weight: DeviceWeight }>();

/**
 * The device's copy of a packed weight, made at its first use and freed with the weight.
 *
 * @throws KvfoldError `weight-format` for a storage type that the kernels do not compute on
 */
export function deviceWeight(backend: CudaBackend, weight: PackedWeight): DeviceWeight {
  const { engine } = backend;
  const known = held.get(weight);
  return known?.engine === engine ? known.weight : engine.apart(() => bringToDevice(engine, weight));
}

function bringToDevice(engine: CudaEngine, weight: PackedWeight): DeviceWeight {
  const place = (weightFormats as readonly string[]).indexOf(weight.storage);
  const format = weightFormats[place];
  if (format === undefined) {
    throw new KvfoldError(
      "weight-format",
      `The cuda backend has no product for weights in ${weight.storage}; it has: ${weightFormats.join(", ")}.`,
    );
  }
  const { values, bytes, parts } = engine.plans.blockParts(place);
  const blocks = (weight.shape[0] * weight.shape[1]) / values;
  const take = (size: number) => engine.pool.take(size, "weights");
  const raw = take(weight.bytes.byteLength);
  engine.upload(raw.address, weight.bytes);
  const sizes = parts.filter((_, i) => i % 2 === 1);
  let planes: Block[] = [raw];
  if (sizes.length > 1) {
    planes = sizes.map((size) => take(blocks * size));
    const addresses = planes.map(({ address }) => address);
    const part = { values, bytes, parts: sizes.length, part: parts };
    const grid = [Math.ceil((blocks * Math.max(...sizes)) / 4096), sizes.length] as const;
    engine.launch(splitBlocks, { from: raw.address, planes: addresses, blocks, parts: part }, { grid, block: [256] });
    engine.pool.give(raw);
  }
  const made = { format, planes: planes.map(({ address }) => address) };
  held.set(weight, { engine, weight: made });
  weight.onDispose(() => {
    held.delete(weight);
    if (!engine.disposed) for (const block of planes) engine.pool.give(block);
  });
  return made;
}
