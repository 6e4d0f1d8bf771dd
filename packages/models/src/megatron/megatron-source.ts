import {
  checkRows,
  KvfoldError,
  missingTensor,
  quoted,
  type StorageType,
  storageTypes,
  targetArray,
} from "@kvfold/core";
import type { TensorSource } from "../weights/tensor-source.js";
import type { MegatronCheckpoint, MegatronShard } from "./megatron-checkpoint.js";
import type { TensorPlan } from "./tensor-plan.js";
import type { LocatedTensor } from "./torch-file.js";

/** Types of weights; others (integers, float64) are no model's. */
const WEIGHT_TYPES = ["f32", "f16", "bf16"] as const;

/** A planned tensor that the shards hold as planned. */
interface Assembled {
  readonly plan: TensorPlan;
  readonly parts: readonly { readonly shard: MegatronShard; readonly tensor: LocatedTensor }[];
  readonly format: StorageType;
  /** Of a row of the whole tensor. */
  readonly rowBytes: number;
}

/**
 * The weights of a Megatron checkpoint under Hugging Face names and in Hugging Face order; rows are read by range.
 *
 * @param plans what to take of it: every tensor of the shards must be part of one
 * @throws KvfoldError `megatron-malformed` when a tensor is missing, has another shape than the arguments say, or is of a
 * type that no weight has; `megatron-unsupported` when there are further tensors
 */
export function megatronSource(
  path: string,
  checkpoint: MegatronCheckpoint,
  plans: readonly TensorPlan[],
): TensorSource & { readonly storage: (typeof WEIGHT_TYPES)[number] } {
  const { shards } = checkpoint;
  refuseFurther(path, shards, plans);
  const assembled = new Map(plans.map((plan) => [plan.name, assemble(path, shards, plan)]));
  const get = (name: string): Assembled =>
    assembled.get(name) ??
    (() => {
      throw missingTensor(path, name, assembled.keys());
    })();
  const rowsOf = ({ plan }: Assembled) => plan.shape[0] as number;
  const readRowsFloat32 = (name: string, start: number, count: number, into?: Float32Array) => {
    const tensor = get(name);
    checkRows(path, name, rowsOf(tensor), start, count);
    const bytes = readRows(tensor, start, count);
    return tensor.format.unpack(bytes, targetArray(path, name, bytes.length / tensor.format.blockBytes, into));
  };
  const [embedding] = assembled.values();
  return {
    path,
    storage: embedding?.format.name as (typeof WEIGHT_TYPES)[number],
    names: () => [...assembled.keys()],
    has: (name) => assembled.has(name),
    info(name) {
      const tensor = get(name);
      const byteLength = rowsOf(tensor) * tensor.rowBytes;
      return { shape: tensor.plan.shape, storage: tensor.format.name, byteLength };
    },
    readRowsFloat32,
    readFloat32: (name, into) => readRowsFloat32(name, 0, rowsOf(get(name)), into),
    readBytes: (name) => readRows(get(name), 0, rowsOf(get(name))),
    packed: (name) => ({ format: get(name).format, bytes: readRows(get(name), 0, rowsOf(get(name))) }),
    close: () => checkpoint.close(),
    [Symbol.dispose]: () => checkpoint.close(),
  };
}

function refuseFurther(path: string, shards: readonly MegatronShard[], plans: readonly TensorPlan[]): void {
  const known = new Set(plans.flatMap(({ stored }) => stored));
  for (const { tensors } of shards) {
    const further = [...tensors.keys()].filter((name) => !known.has(name));
    if (further.length === 0) continue;
    throw new KvfoldError(
      "megatron-unsupported",
      `${path} has ${further.length} tensors that a Llama model of these arguments lacks: ${further.slice(0, 4).map(quoted).join(", ")}.`,
    );
  }
}

function assemble(path: string, shards: readonly MegatronShard[], plan: TensorPlan): Assembled {
  const fail = (what: string): never => {
    throw new KvfoldError("megatron-malformed", `${path}: ${what}.`);
  };
  const parts = shards.map((shard) => {
    const names = plan.stored.filter((name) => shard.tensors.has(name));
    const tensor = shard.tensors.get(names[0] ?? "");
    if (tensor === undefined || names.length > 1) {
      return fail(
        `${shard.file.path} has ${names.length} of the tensors ${plan.stored.join(", ")}, of which it needs one`,
      );
    }
    if (!sameShape(tensor.shape, plan.storedShape)) {
      fail(`${names[0]} has the shape [${tensor.shape}], but the arguments say [${plan.storedShape}]`);
    }
    return { shard, tensor };
  });
  const dtypes = [...new Set(parts.map(({ tensor }) => tensor.dtype))];
  const dtype = WEIGHT_TYPES.find((type) => type === dtypes[0]);
  if (dtype === undefined || dtypes.length > 1) {
    return fail(`${plan.stored[0]} has the type ${dtypes.join(" and ")}; supported are ${WEIGHT_TYPES.join(", ")}`);
  }
  const format = storageTypes[dtype];
  const values = plan.shape.slice(1).reduce((product, size) => product * size, 1);
  return { plan, parts, format, rowBytes: values * format.blockBytes };
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Rows `[start, start + count)` of the whole tensor, as stored. */
function readRows(assembled: Assembled, start: number, count: number): Uint8Array<ArrayBuffer> {
  const { plan, parts, rowBytes } = assembled;
  const out = new Uint8Array(count * rowBytes);
  const { place } = plan;
  if (place === undefined) joinColumns(assembled, start, count, out);
  else {
    for (let done = 0; done < count; ) {
      const { shard, row } = place(start + done);
      let run = 1; // rows that follow each other in the file are read at once
      for (; done + run < count; run++) {
        const next = place(start + done + run);
        if (next.shard !== shard || next.row !== row + run) break;
      }
      const part = parts[shard] as Assembled["parts"][number];
      const target = out.subarray(done * rowBytes, (done + run) * rowBytes);
      part.shard.file.readInto(part.tensor.byteOffset + row * rowBytes, target);
      done += run;
    }
  }
  return out;
}

/** Each shard has its columns of every row. */
function joinColumns({ parts, rowBytes }: Assembled, start: number, count: number, out: Uint8Array): void {
  const partBytes = rowBytes / parts.length;
  const buffer = new Uint8Array(count * partBytes);
  for (const [rank, { shard, tensor }] of parts.entries()) {
    shard.file.readInto(tensor.byteOffset + start * partBytes, buffer);
    for (let row = 0; row < count; row++) {
      out.set(buffer.subarray(row * partBytes, (row + 1) * partBytes), row * rowBytes + rank * partBytes);
    }
  }
}
