import { raggedAttention } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { type Step, stepPositions } from "../step.js";
import type { Attended, CallSite, StepTensors, StoreOptions } from "../store.js";
import { padLanes } from "./lanes.js";
import type { RaggedTable } from "./ragged-table.js";
import { rotateAndBlank } from "./rotate-and-blank.js";
import { lanesOf, rotationOf } from "./step-lanes.js";
import { visibleUntil } from "./visibility.js";

/** Field of a running step: first query position that sees an entry. */
export const fromField = "from";
/** Field of a running step: position of the token that overwrites an entry. */
export const goneField = "gone";

/** Own entry of each query of a merging chunk: rotated key and value `[rows, kvHeads, tokens, headDim]`. */
export interface OwnEntries {
  readonly keys: tf.Tensor4D;
  readonly values: tf.Tensor4D;
}

/** Attention of a step's queries over the entries of their lanes, as they are after the write. */
export function attendOver(
  held: { readonly table: RaggedTable; readonly own: OwnEntries | undefined; readonly options: StoreOptions },
  step: Step,
  tensors: StepTensors,
  site: CallSite,
): Attended {
  const { table, own } = held;
  const { shape, traits } = held.options;
  const lanes = lanesOf(step, shape.kvHeads);
  const laneLengths = lanes.map((lane) => table.lengths[lane] ?? 0);
  const slots = laneLengths.flatMap((length) => Array.from({ length }, (_, i) => i));
  const positions = traits.columns.includes("position") ? table.packed("position", lanes).dataSync() : slots;
  const queryPositions = stepPositions(step);
  const bySlot = traits.rotation === "at-read" && traits.readPosition === "slot";
  const q = rotateAndBlank(tensors.q, {
    ...rotationOf(step, site, shape, "queries"),
    positions: bySlot ? slotPositions(step, table, shape.kvHeads) : queryPositions,
  });
  let keys = table.packed("keys", lanes) as tf.Tensor2D;
  if (traits.rotation === "at-read") {
    const turned = rotateAndBlank(tf.reshape(keys, [1, 1, ...keys.shape]) as tf.Tensor4D, {
      ...rotationOf(step, site, shape, "keys"),
      positions: Int32Array.from(bySlot ? slots : positions),
    });
    keys = tf.reshape(turned, keys.shape);
  }
  const oneQuery = step.tokens === 1;
  const until = visibleUntil(positions, {
    band: oneQuery || traits.chunking === "defines" ? undefined : traits.band,
    window: site.window,
    ends: ["until", goneField]
      .filter((name) => name in table.fields)
      .map((name) => table.packed(name, lanes).dataSync()),
  });
  const [out, mass] = raggedAttention(
    {
      q,
      keys,
      values: table.packed("values", lanes) as tf.Tensor2D,
      queryPositions: tf.tensor2d(queryPositions, [step.rows.length, step.tokens], "int32"),
      from: oneQuery ? undefined : (table.packed(fromField, lanes) as tf.Tensor1D),
      until: until && tf.tensor1d(until, "int32"),
      ownKeys: own?.keys,
      ownValues: own?.values,
    },
    { laneLengths, scale: site.scale, massQueries: traits.massQueries ?? 0, queryCounts: step.lengths },
  );
  const attended = { out: out as tf.Tensor4D, q };
  return mass ? { ...attended, mass: padLanes(mass, laneLengths, shape.kvHeads) as tf.Tensor3D } : attended;
}

/** Slot of each new token in its lane after the write. */
function slotPositions(step: Step, table: RaggedTable, kvHeads: number): Int32Array {
  const first = step.rows.map((row, i) => (table.lengths[row * kvHeads] ?? 0) - (step.lengths[i] ?? 0));
  return stepPositions({ ...step, starts: first });
}
