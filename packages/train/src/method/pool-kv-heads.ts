import { KvfoldError } from "@kvfold/core";
import type { ModelConfig, TensorSource } from "@kvfold/models";

/** Rows of a projection, in order: those of query heads stay, those of KV heads are pooled. */
interface Part {
  readonly rows: number;
  readonly pooled: boolean;
}

/**
 * A model with fewer KV heads: each new head's key and value projections (weights, and biases where there are any) are the
 * means of those of a group of neighbouring heads (Ainslie et al. 2023, arXiv:2305.13245, who then train on). Everything
 * else is handed through. Means are taken when a tensor is read.
 *
 * @param tensors weights of the model as it is; stays the caller's to close
 * @param config of the model as it is
 * @param kvHeads KV heads afterwards: a divisor of those that there are
 * @returns weights for `{ ...config, kvHeads }`, pooled ones as float32
 * @throws KvfoldError `kv-heads` when `kvHeads` is not such a divisor
 */
export function poolKvHeads(tensors: TensorSource, config: ModelConfig, kvHeads: number): TensorSource {
  if (!Number.isInteger(kvHeads) || kvHeads < 1 || config.kvHeads % kvHeads !== 0) {
    throw new KvfoldError(
      "kv-heads",
      `${config.kvHeads} KV heads cannot be pooled to ${kvHeads}; give a divisor of ${config.kvHeads}.`,
    );
  }
  const partsOf = (name: string) => (tensors.has(name) ? poolableParts(name, config) : undefined);
  const shapeOf = (name: string, parts: readonly Part[]): number[] => [
    parts.reduce((sum, { rows, pooled }) => sum + (pooled ? (rows / config.kvHeads) * kvHeads : rows), 0),
    ...tensors.info(name).shape.slice(1),
  ];
  const readFloat32 = (name: string, into?: Float32Array): Float32Array => {
    const parts = partsOf(name);
    if (parts === undefined) return tensors.readFloat32(name, into);
    const shape = shapeOf(name, parts);
    const out = into ?? new Float32Array(valuesIn(shape));
    pool(tensors.readFloat32(name), out, { parts, width: valuesIn(shape.slice(1)), heads: config.kvHeads, kvHeads });
    return out;
  };
  return {
    path: tensors.path,
    names: () => tensors.names(),
    has: (name) => tensors.has(name),
    info(name) {
      const parts = partsOf(name);
      if (parts === undefined) return tensors.info(name);
      const shape = shapeOf(name, parts);
      return { shape, storage: "f32", byteLength: valuesIn(shape) * Float32Array.BYTES_PER_ELEMENT };
    },
    readFloat32,
    readRowsFloat32(name, start, count, into) {
      const parts = partsOf(name);
      if (parts === undefined) return tensors.readRowsFloat32(name, start, count, into);
      const width = valuesIn(tensors.info(name).shape.slice(1));
      const rows = readFloat32(name).subarray(start * width, (start + count) * width);
      if (into === undefined) return rows;
      into.set(rows);
      return into;
    },
    readBytes: (name) => (partsOf(name) ? new Uint8Array(readFloat32(name).slice().buffer) : tensors.readBytes(name)),
    packed: (name) => (partsOf(name) ? undefined : tensors.packed(name)),
    close: () => tensors.close(),
    [Symbol.dispose]: () => tensors.close(),
  };
}

/** What a tensor's rows are when they hold KV heads, else undefined. Norms of q and k hold one head for all: not these. */
function poolableParts(name: string, { queryHeads, kvHeads, headDim }: ModelConfig): readonly Part[] | undefined {
  const [, projection] = /\.self_attn\.(k_proj|v_proj|qkv_proj)\.(?:weight|bias)$/.exec(name) ?? [];
  if (projection === undefined) return undefined;
  const kv: Part = { rows: kvHeads * headDim, pooled: true };
  return projection === "qkv_proj" ? [{ rows: queryHeads * headDim, pooled: false }, kv, kv] : [kv];
}

/** Row r of new head g is the mean of rows r of the heads in group g. */
function pool(
  from: Float32Array,
  into: Float32Array,
  { parts, width, heads, kvHeads }: { parts: readonly Part[]; width: number; heads: number; kvHeads: number },
): void {
  const group = heads / kvHeads;
  let at = 0;
  let to = 0;
  for (const { rows, pooled } of parts) {
    const size = rows * width;
    if (!pooled) into.set(from.subarray(at, at + size), to);
    else {
      const headSize = size / heads;
      for (let i = 0; i < size / group; i++) {
        const start = at + Math.floor(i / headSize) * group * headSize + (i % headSize);
        let sum = 0;
        for (let j = 0; j < group; j++) sum += from[start + j * headSize] as number;
        into[to + i] = sum / group;
      }
    }
    at += size;
    to += pooled ? size / group : size;
  }
}

function valuesIn(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
