import { KvfoldError } from "@kvfold/core";
import type { StoreOptions, StoreState } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import type { LaneList } from "./lane-list.js";
import { columnKernels, laneMoves, readEntries, writeEntries } from "./store-kernels.js";

/** Whether a column holds int32 positions, not float32. */
export function isIndex(column: string): boolean {
  return column === "position" || column === "until";
}

/** Shapes of the tensors in a store's state: all lanes' entries one after the other, and what merging lanes keep beside. */
function stateShapes({ shape, traits }: StoreOptions, lengths: readonly number[]): Record<string, number[]> {
  const entries = lengths.reduce((a, b) => a + b, 0);
  const shapes: Record<string, number[]> = { keys: [entries, shape.headDim], values: [entries, shape.headDim] };
  for (const name of traits.columns) shapes[name] = [entries];
  if (traits.mergeWindow === undefined) return shapes;
  const [lanes, width] = [lengths.length, 2 * shape.headDim + 1];
  const sums = traits.mergeWindow === null ? [lanes, width] : [lanes, traits.mergeWindow, width];
  return { ...shapes, sums, count: [lanes] };
}

/** What lanes hold, as tensors of the host; waits for the device. */
export function exportLanes(backend: CudaBackend, list: LaneList, options: StoreOptions): StoreState {
  const { engine } = backend;
  const { headDim } = options.shape;
  const lengths = [...list.hostLengths()];
  const slots = Math.max(1, ...lengths);
  const content = new Map<string, Float32Array | Int32Array>();
  const [keys, values] = [
    backend.scratch(4 * list.lanes * slots * headDim),
    backend.scratch(4 * list.lanes * slots * headDim),
  ];
  if (list.memory.pages !== 0) {
    const given = {
      keys: keys.address,
      values: values.address,
      store: list.store,
      lanes: list.lanes,
      slots,
      blank: -1,
    };
    engine.launch(readEntries, given, { grid: [Math.ceil(slots / 8), list.lanes], block: [256] });
  }
  const packed = (address: number, width: number) => {
    const padded = new Int32Array(list.lanes * slots * width);
    engine.download(address, padded);
    const rows = lengths.map((length, lane) => padded.subarray(lane * slots * width, (lane * slots + length) * width));
    const joined = new Int32Array(rows.reduce((sum, row) => sum + row.length, 0));
    let at = 0;
    for (const row of rows) {
      joined.set(row, at);
      at += row.length;
    }
    return joined;
  };
  content.set("keys", new Float32Array(packed(keys.address, headDim).buffer));
  content.set("values", new Float32Array(packed(values.address, headDim).buffer));
  options.traits.columns.forEach((name, column) => {
    if (list.memory.pages !== 0) {
      const given = { values: keys.address, store: list.store, slots, column };
      engine.launch(columnKernels.kvfold_read_column, given, {
        grid: [Math.ceil(slots / 256), list.lanes],
        block: [256],
      });
    }
    const bits = packed(keys.address, 1);
    content.set(name, isIndex(name) ? bits : new Float32Array(bits.buffer));
  });
  engine.pool.give(keys);
  engine.pool.give(values);
  if (list.layout.stateBytes > 0) for (const [name, found] of exportStates(list, options)) content.set(name, found);
  const tensors = Object.fromEntries(
    Object.entries(stateShapes(options, lengths)).map(([name, shape]) => [
      name,
      tf.keep(tf.tensor(content.get(name) as Float32Array, shape, isIndex(name) ? "int32" : "float32")),
    ]),
  );
  return { tensors, lengths };
}

/** Sums `[lanes, ring rows, key | value | weight]` and counts of merging lanes, as files hold them. */
function exportStates(list: LaneList, { shape: { headDim } }: StoreOptions): [string, Float32Array][] {
  const { stateBytes, ringRows, ringOffset, dims } = list.layout;
  const bytes = new Uint8Array(list.states?.bytes ?? 0);
  if (list.states !== undefined) list.memory.engine.download(list.states.address, bytes);
  const [words, floats] = [new Int32Array(bytes.buffer), new Float32Array(bytes.buffer)];
  const width = 2 * headDim + 1;
  const sums = new Float32Array(list.lanes * ringRows * width);
  const count = new Float32Array(list.lanes);
  for (let lane = 0; lane < list.lanes; lane++) {
    const start = (lane * stateBytes) / 4;
    count[lane] = words[start] as number;
    for (let row = 0; row < ringRows; row++) {
      const from = start + ringOffset / 4 + row * 2 * dims;
      const to = (lane * ringRows + row) * width;
      sums.set(floats.subarray(from, from + headDim), to);
      sums.set(floats.subarray(from + dims, from + dims + headDim), to + headDim);
      sums[to + 2 * headDim] = floats[start + 16 + row] as number;
    }
  }
  return [
    ["sums", sums],
    ["count", count],
  ];
}

/** Fills empty lanes. @throws KvfoldError `cache-state` when a tensor is missing or has another shape */
export function importLanes(
  backend: CudaBackend,
  list: LaneList,
  options: StoreOptions,
  { tensors, lengths }: StoreState,
): void {
  checkState(tensors, stateShapes(options, lengths));
  const { engine } = backend;
  const { headDim } = options.shape;
  const slots = Math.max(1, ...lengths);
  const valuesOf = (name: string) => (tensors[name] as tf.Tensor).dataSync() as Float32Array;
  const padded = (name: string, width: number) => {
    const packed = valuesOf(name);
    const found = isIndex(name)
      ? new Int32Array(list.lanes * slots * width)
      : new Float32Array(list.lanes * slots * width);
    let at = 0;
    lengths.forEach((length, lane) => {
      found.set(packed.subarray(at, at + length * width), lane * slots * width);
      at += length * width;
    });
    return found;
  };
  const rows = Array.from({ length: list.rows }, (_, row) => row);
  const kvHeads = options.shape.kvHeads;
  list.reserve(
    rows,
    rows.map((row) => Math.max(0, ...lengths.slice(row * kvHeads, (row + 1) * kvHeads))),
  );
  list.exact = false; // heads of a row may differ
  const [newLengths, keys, values] = [
    backend.scratch(4 * list.lanes),
    backend.scratch(4 * list.lanes * slots * headDim),
    backend.scratch(4 * list.lanes * slots * headDim),
  ];
  engine.upload(newLengths.address, Int32Array.from(lengths));
  engine.upload(keys.address, padded("keys", headDim));
  engine.upload(values.address, padded("values", headDim));
  const { store } = list;
  const moved = { newLengths: newLengths.address, pool: list.memory.pool, from: store, to: store, lanes: list.lanes };
  engine.launch(laneMoves.kvfold_lane_reserve, moved, { grid: [Math.ceil(list.lanes / 128)], block: [128] });
  const written = { keys: keys.address, values: values.address, store, lanes: list.lanes, slots };
  engine.launch(writeEntries, written, { grid: [Math.ceil(slots / 8), list.lanes], block: [256] });
  options.traits.columns.forEach((name, column) => {
    engine.upload(keys.address, padded(name, 1));
    const given = { values: keys.address, store, slots, column };
    engine.launch(columnKernels.kvfold_write_column, given, {
      grid: [Math.ceil(slots / 256), list.lanes],
      block: [256],
    });
  });
  for (const block of [newLengths, keys, values]) engine.pool.give(block);
  if (list.layout.stateBytes > 0) importStates(list, options, lengths, valuesOf);
}

function importStates(
  list: LaneList,
  { shape: { headDim } }: StoreOptions,
  lengths: readonly number[],
  valuesOf: (name: string) => Float32Array,
): void {
  const { stateBytes, ringRows, ringOffset, openOffset, dims } = list.layout;
  if (list.states === undefined) return;
  const words = new Int32Array(list.states.bytes / 4);
  const floats = new Float32Array(words.buffer);
  const [sums, count, keys, values] = ["sums", "count", "keys", "values"].map(valuesOf) as [V, V, V, V];
  const width = 2 * headDim + 1;
  let end = 0;
  lengths.forEach((length, lane) => {
    const start = (lane * stateBytes) / 4;
    end += length;
    words[start] = Math.max(0, count[lane] as number);
    for (let row = 0; row < ringRows; row++) {
      const from = (lane * ringRows + row) * width;
      const to = start + ringOffset / 4 + row * 2 * dims;
      floats.set(sums.subarray(from, from + headDim), to);
      floats.set(sums.subarray(from + headDim, from + 2 * headDim), to + dims);
      floats[start + 16 + row] = sums[from + 2 * headDim] as number;
    }
    if (openOffset === 0 || length === 0) return;
    words[start + 1] = 1;
    floats.set(keys.subarray((end - 1) * headDim, end * headDim), start + openOffset / 4);
    floats.set(values.subarray((end - 1) * headDim, end * headDim), start + openOffset / 4 + dims);
  });
  list.memory.engine.upload(list.states.address, words);
}

type V = Float32Array;

function checkState(tensors: StoreState["tensors"], shapes: Readonly<Record<string, readonly number[]>>): void {
  for (const [name, expected] of Object.entries(shapes)) {
    const found = tensors[name]?.shape;
    if (found?.length === expected.length && found.every((size, axis) => size === expected[axis])) continue;
    throw new KvfoldError(
      "cache-state",
      `This state has ${found ? `[${found}]` : "no"} ${name} where its lanes need [${expected}]; it belongs to another store or policy.`,
    );
  }
}
