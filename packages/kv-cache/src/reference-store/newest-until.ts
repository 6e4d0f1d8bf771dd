import * as tf from "@tensorflow/tfjs-core";
import type { RaggedTable } from "./ragged-table.js";

/** Sets `until` of the newest entry of each of some lanes; lanes without entries are left out. */
export function setNewestUntil(table: RaggedTable, lanes: readonly number[], value: tf.Tensor): void {
  const until = Int32Array.from(table.packed("until", lanes).dataSync());
  const fresh = value.dataSync();
  let end = 0;
  lanes.forEach((lane, i) => {
    end += table.lengths[lane] ?? 0;
    if ((table.lengths[lane] ?? 0) > 0) until[end - 1] = fresh[i] as number;
  });
  table.setPacked("until", lanes, tf.tensor1d(until, "int32"));
}
