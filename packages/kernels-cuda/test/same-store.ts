import { Rope } from "@kvfold/core";
import { seeded } from "@kvfold/core/testing";
import {
  type DropOp,
  type LayerStore,
  ReferenceStore,
  type Step,
  type StoreOptions,
  type WriteOp,
} from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../src/backend/cuda-backend.js";
import { CudaStore } from "../src/store/cuda-store.js";

/** One thing that happens to a store. */
export type Act =
  /** Writes tokens, perhaps in the place of entries below `overwrites`, perhaps drops entries, attends. */
  | {
      readonly tokens: number;
      readonly lengths?: readonly number[];
      readonly drop?: DropOf;
      readonly overwrites?: number;
    }
  | { readonly act: "snapshot" | "restore" | "export" }
  | { readonly act: "crop"; readonly entries: readonly number[] }
  | { readonly act: "select"; readonly rows: readonly number[] };

/** A drop whose scores are made of the lanes that there are. */
export type DropOf =
  | { readonly op: "drop-range"; readonly from: number; readonly keepLast: number }
  | { readonly op: "drop-lowest"; readonly keep: number; readonly scope?: "row" }
  | { readonly op: "drop-below"; readonly threshold: number };

/** What a store gave on the way, as numbers of the host. */
export interface Trace {
  readonly lengths: (readonly number[])[];
  readonly values: Float32Array[];
  readonly peak: number;
}

/** Test helper: plays the same acts on a store of the current backend. */
export function play(options: StoreOptions, acts: readonly Act[], seed = 11): Trace {
  const made =
    tf.getBackend() === "cuda" ? new CudaStore(options, tf.backend() as CudaBackend) : new ReferenceStore(options);
  const traces: Trace[] = [];
  tf.tidy(() => {
    traces.push(playOn(made, options, acts, seed));
  });
  return traces[0] as Trace;
}

function playOn(store: LayerStore, options: StoreOptions, acts: readonly Act[], seed: number): Trace {
  const { shape, traits } = options;
  const random = seeded(seed);
  const { headDim } = shape;
  const rope = new Rope({ headDim, rotaryDim: headDim, theta: 10_000, maxPositions: 512, scaling: { type: "none" } });
  const site = { rope, scale: 0.4, window: undefined, borrowed: traits.borrowed };
  const trace: { lengths: (readonly number[])[]; values: Float32Array[] } = { lengths: [], values: [] };
  let starts = new Array<number>(options.rows).fill(0);
  let saved: { readonly snapshot: ReturnType<LayerStore["snapshot"]>; readonly starts: number[] } | undefined;
  const tensor = (sizes: number[]) =>
    tf.tensor(random.normals(tf.util.sizeFromShape(sizes)), sizes as [number]) as tf.Tensor as tf.Tensor4D;
  for (const act of acts) {
    if ("tokens" in act) {
      const { tokens } = act;
      const rows = starts.map((_, row) => row);
      const step: Step = { rows, tokens, lengths: act.lengths ?? rows.map(() => tokens), starts };
      const tensors = {
        q: tensor([rows.length, shape.queryHeads, tokens, shape.headDim]),
        k: tensor([rows.length, shape.kvHeads, tokens, shape.headDim]),
        v: tensor([rows.length, shape.kvHeads, tokens, shape.headDim]),
      };
      store.write(step, tensors, writeOf(options, step, random, act.overwrites), site);
      if (act.drop !== undefined) store.drop(step, dropOf(act.drop, store, step, options, random));
      const { out, mass } = store.attend(step, tensors, site);
      trace.values.push(realOf(out, step), ...(mass ? [mass.dataSync() as Float32Array] : []));
      store.finish();
      starts = starts.map((start, row) => start + (step.lengths[row] as number));
      for (const part of ["keys", "values"] as const)
        trace.values.push(store.entries(step, part).dataSync() as Float32Array);
      for (const name of traits.columns) trace.values.push(Float32Array.from(store.column(step, name).dataSync()));
    } else if (act.act === "snapshot") saved = { snapshot: store.snapshot(), starts: [...starts] };
    else if (act.act === "restore" && saved !== undefined) {
      store.restore(saved.snapshot);
      starts = [...saved.starts];
    } else if (act.act === "export") {
      const state = store.exportState();
      store.importState(state);
      for (const name of Object.keys(state.tensors).sort()) {
        trace.values.push(Float32Array.from((state.tensors[name] as tf.Tensor).dataSync()));
        state.tensors[name]?.dispose();
      }
    } else if (act.act === "crop") {
      store.crop(act.entries);
      starts = [...act.entries];
    } else if (act.act === "select") {
      store.selectRows(act.rows);
      starts = act.rows.map((row) => (row < 0 ? 0 : (starts[row] as number)));
    }
    trace.lengths.push([...store.laneLengths()]);
  }
  const peak = store.peakEntries;
  saved?.snapshot.dispose();
  store.dispose();
  return { ...trace, peak };
}

/** Padding behind a row's tokens holds nothing that anybody reads. */
function realOf(out: tf.Tensor4D, { lengths, tokens }: Step): Float32Array {
  const values = out.dataSync() as Float32Array;
  const [, heads, , dim] = out.shape;
  return values.filter(
    (_, i) => Math.floor(i / dim) % tokens < (lengths[Math.floor(i / (heads * tokens * dim))] as number),
  );
}

type Random = ReturnType<typeof seeded>;

function writeOf({ shape, traits }: StoreOptions, step: Step, random: Random, overwrites: number | undefined): WriteOp {
  const sizes = [step.rows.length, shape.kvHeads, step.tokens];
  const count = tf.util.sizeFromShape(sizes);
  if (overwrites !== undefined) {
    const slots = Int32Array.from(random.integers(count, 0, overwrites));
    return { op: "overwrite", slot: tf.tensor(slots, sizes as [number], "int32") as tf.Tensor as tf.Tensor3D };
  }
  if (traits.mergeWindow !== undefined) {
    const merge = tf.tensor(random.integers(count, 0, 2), sizes as [number], "float32") as tf.Tensor as tf.Tensor3D;
    const omega = tf.tensor(
      Float32Array.from(random.normals(count), (x) => 0.1 + Math.abs(x)),
      sizes as [number],
    ) as tf.Tensor as tf.Tensor3D;
    return { op: "merge", merge, omega };
  }
  if (!traits.columns.includes("until")) return { op: "append" };
  const until = Int32Array.from(random.integers(count, 8, 60));
  return { op: "append", until: tf.tensor(until, sizes as [number], "int32") as tf.Tensor as tf.Tensor3D };
}

function dropOf(drop: DropOf, store: LayerStore, step: Step, { shape }: StoreOptions, random: Random): DropOp {
  if (drop.op === "drop-range") return drop;
  const slots = Math.max(...store.laneLengths());
  const sizes = [step.rows.length, shape.kvHeads, slots];
  const scores = tf.tensor(random.normals(tf.util.sizeFromShape(sizes)), sizes as [number]) as tf.Tensor as tf.Tensor3D;
  return { ...drop, scores } as DropOp;
}
