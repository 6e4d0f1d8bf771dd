import { KvfoldError } from "@kvfold/core";
import type { StoreOptions, StoreState } from "@kvfold/kv-cache";

/** Shapes of the tensors in a store's state: all lanes' entries one after the other, and what merging lanes keep beside. */
export function stateShapes(
  { shape: { headDim }, traits: { columns, mergeWindow } }: StoreOptions,
  lengths: readonly number[],
): Record<string, number[]> {
  const entries = lengths.reduce((a, b) => a + b, 0);
  const lanes = lengths.length;
  const shapes: Record<string, number[]> = { keys: [entries, headDim], values: [entries, headDim] };
  for (const name of columns) shapes[name] = [entries];
  if (mergeWindow === undefined) return shapes;
  const width = 2 * headDim + 1;
  return { ...shapes, sums: mergeWindow === null ? [lanes, width] : [lanes, mergeWindow, width], count: [lanes] };
}

/** @throws KvfoldError `cache-state` when a tensor is missing or has another shape */
export function checkState({ tensors }: StoreState, shapes: Readonly<Record<string, readonly number[]>>): void {
  for (const [name, expected] of Object.entries(shapes)) {
    const found = tensors[name]?.shape;
    if (found?.length === expected.length && found.every((size, axis) => size === expected[axis])) continue;
    throw new KvfoldError(
      "cache-state",
      `This state has ${found ? `[${found}]` : "no"} ${name} where its lanes need [${expected}]; it belongs to another store or policy.`,
    );
  }
}
