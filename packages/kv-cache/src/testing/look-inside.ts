import type { PolicyTraits, WriteOp } from "../policy.js";
import type { Step } from "../step.js";
import type { Attended, CallSite, LayerStore, StoreFactory } from "../store.js";

/** An entry as it is stored. */
export interface ViewedEntry {
  readonly position: number;
  /** First query position that no longer sees it. */
  readonly until: number;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

/** A lane at the moment of attention. */
export interface LaneView {
  readonly slots: readonly ViewedEntry[];
  /** Whether each token so far joined the entry before it. */
  readonly merged: readonly boolean[];
  /** Weight of each token so far. */
  readonly omega: readonly number[];
}

/** What a store showed in one step. */
export interface ViewedStep {
  readonly layer: number;
  readonly traits: PolicyTraits;
  readonly step: Step;
  readonly site: CallSite;
  /** Lanes of the step, row-major. */
  readonly lanes: readonly LaneView[];
  readonly attended: Attended;
}

interface Decisions {
  readonly merged: boolean[];
  readonly omega: number[];
}

/** Stores that report every step's view, as it was when attention read it. Rows must keep their places. */
export function lookInside(factory: StoreFactory, report: (seen: ViewedStep) => void): StoreFactory {
  return (options) => {
    const store = factory(options);
    const { kvHeads, layer } = options.shape;
    const decisions: Decisions[] = Array.from({ length: options.rows * kvHeads }, () => ({ merged: [], omega: [] }));
    const write = store.write.bind(store);
    const attend = store.attend.bind(store);
    store.write = (step, tensors, op, site) => {
      noteDecisions(decisions, step, kvHeads, op);
      write(step, tensors, op, site);
    };
    store.attend = (step, tensors, site) => {
      const lanes = viewOf(store, step, kvHeads, options.traits, decisions);
      const attended = attend(step, tensors, site);
      report({ layer, traits: options.traits, step, site, lanes, attended });
      return attended;
    };
    return store;
  };
}

function noteDecisions(decisions: Decisions[], step: Step, kvHeads: number, op: WriteOp): void {
  const merge = op.op === "merge" ? op.merge.dataSync() : undefined;
  const omega = op.op === "merge" ? op.omega.dataSync() : undefined;
  step.rows.forEach((row, i) => {
    for (let head = 0; head < kvHeads; head++) {
      const lane = decisions[row * kvHeads + head] as Decisions;
      for (let t = 0; t < (step.lengths[i] ?? 0); t++) {
        const at = (i * kvHeads + head) * step.tokens + t;
        lane.merged.push((step.starts[i] ?? 0) + t > 0 && (merge?.[at] ?? 0) > 0.5);
        lane.omega.push(omega?.[at] ?? 1);
      }
    }
  });
}

function viewOf(
  store: LayerStore,
  step: Step,
  kvHeads: number,
  traits: PolicyTraits,
  decisions: readonly Decisions[],
): LaneView[] {
  const all = store.laneLengths();
  const keys = store.entries(step, "keys");
  const slots = keys.shape[2];
  const headDim = keys.shape[3];
  const [k, v] = [keys.dataSync(), store.entries(step, "values").dataSync()];
  const column = (name: string) => (traits.columns.includes(name) ? store.column(step, name).dataSync() : undefined);
  const [positions, until] = [column("position"), column("until")];
  return step.rows.flatMap((row, i) =>
    Array.from({ length: kvHeads }, (_, head) => {
      const lane = row * kvHeads + head;
      const first = (i * kvHeads + head) * slots;
      const vector = (x: Float32Array | Int32Array | Uint8Array, slot: number) =>
        Float32Array.from(x.subarray((first + slot) * headDim, (first + slot + 1) * headDim));
      return {
        ...(decisions[lane] as Decisions),
        slots: Array.from({ length: all[lane] ?? 0 }, (_, slot) => ({
          position: positions?.[first + slot] ?? slot,
          until: until?.[first + slot] ?? Number.POSITIVE_INFINITY,
          key: vector(k, slot),
          value: vector(v, slot),
        })),
      };
    }),
  );
}
