import * as tf from "@tensorflow/tfjs-core";
import type { DropOp, EvictContext, LayerPolicy, LayerShape, NewTokens } from "./policy.js";
import { type Step, stepPositions } from "./step.js";
import { policyStep, stepTensor } from "./step-recorder.js";
import type { BufferId, CallSite, LayerStore, StepTensors, StoreSnapshot, StoreState } from "./store.js";

/** What one layer holds now. */
export interface LayerStats {
  readonly layer: number;
  /** Logical tokens of each row. */
  readonly tokens: readonly number[];
  /** Entries of each lane, `[row][kvHead]`. */
  readonly entries: readonly (readonly number[])[];
  /** Most entries that all lanes together ever held, inside a step too. */
  readonly peakEntries: number;
  /** Bytes that the allocator holds for this layer. */
  readonly liveBytes: number;
  /** The part of `liveBytes` that does not grow with entries (DMC's rings and counts); every lane has an equal share. */
  readonly stateBytes: number;
  /** Bytes that a full float32 cache of the same tokens would hold. */
  readonly logicalBytes: number;
  /** Tokens merged into each entry, `[row][kvHead][entry]`; present for policies that merge. */
  readonly segments?: readonly (readonly (readonly number[])[])[];
}

/**
 * The cache of one attention layer: runs the phases of a step (decide → write → evictBefore → attend → observe →
 * evictAfter → endOfPrefill) with the layer's policy over its store. Model code passes it to `attention`.
 */
export class LayerCache {
  readonly shape: LayerShape;
  readonly policy: LayerPolicy;
  /** Logical tokens of each row. */
  tokens: number[];
  private readonly store: LayerStore;
  private readonly onAttended: (layer: LayerCache, step: Step) => void;

  /** @param onAttended called at the end of every step, for budgets shared between layers */
  constructor(
    shape: LayerShape,
    policy: LayerPolicy,
    store: LayerStore,
    onAttended: (layer: LayerCache, step: Step) => void,
  ) {
    this.shape = shape;
    this.policy = policy;
    this.store = store;
    this.onAttended = onAttended;
    this.tokens = new Array(store.rows).fill(0);
  }

  /** Runs one step; `attention` checks the arguments. @returns `[rows, queryHeads, tokens, headDim]` */
  run(step: Step, tensors: StepTensors & Pick<NewTokens, "input">, site: CallSite, endOfPrefill: boolean): tf.Tensor4D {
    const { policy, store } = this;
    return tf.tidy(() => {
      const tokens = { ...tensors, step: policyStep(step), positions: () => positionsTensor(step) };
      store.write(step, tensors, policy.decide(tokens), site);
      this.applyDrop(step, policy.evictBefore);
      const attended = store.attend(step, tensors, site);
      if (policy.observe) {
        const seen = { ...this.context(step), q: attended.q, ...(attended.mass ? { mass: attended.mass } : {}) };
        for (const [name, value] of Object.entries(policy.observe(seen))) store.setColumn(step, name, value);
      }
      this.applyDrop(step, policy.evictAfter);
      if (endOfPrefill) this.applyDrop(step, policy.endOfPrefill);
      store.finish();
      this.count(step);
      this.onAttended(this, step);
      return attended.out;
    });
  }

  /** Notes a step that a recording carried out on the store. */
  replayed(step: Step): void {
    this.store.replayed?.();
    this.count(step);
  }

  private count(step: Step): void {
    step.rows.forEach((row, i) => {
      this.tokens[row] = (this.tokens[row] ?? 0) + (step.lengths[i] ?? 0);
    });
  }

  /** Read access for policies; its tensors live until the surrounding `tf.tidy` ends. */
  context(step: Step): EvictContext {
    const { shape, store } = this;
    return {
      shape,
      step: policyStep(step),
      positions: () => positionsTensor(step),
      lengths: () => store.lengths(step),
      column: (name) => store.column(step, name),
      keys: () => store.entries(step, "keys"),
      values: () => store.entries(step, "values"),
    };
  }

  /** Carries out a drop that a coordinator decided. */
  drop(step: Step, op: DropOp): void {
    this.store.drop(step, op);
  }

  /** Keeps the first tokens of each row; only for lossless policies, where entries are tokens. */
  crop(tokens: readonly number[]): void {
    this.store.crop(tokens);
    this.tokens = [...tokens];
  }

  addRows(count: number): void {
    this.store.addRows(count);
    this.tokens.push(...new Array<number>(count).fill(0));
  }

  selectRows(rows: readonly number[]): void {
    this.store.selectRows(rows);
    this.tokens = rows.map((row) => this.tokens[row] ?? 0);
  }

  snapshot(): StoreSnapshot {
    return this.store.snapshot();
  }

  restore(snapshot: StoreSnapshot, tokens: readonly number[]): void {
    this.store.restore(snapshot);
    this.tokens = [...tokens];
  }

  exportState(): StoreState {
    return this.store.exportState();
  }

  importState(state: StoreState, tokens: readonly number[]): void {
    this.store.importState(state);
    this.tokens = [...tokens];
  }

  /** The buffers behind this layer: identity → bytes. */
  buffers(): ReadonlyMap<BufferId, number> {
    return this.store.buffers();
  }

  /** Entries of each lane, row-major. */
  laneLengths(): readonly number[] {
    return this.store.laneLengths();
  }

  stats(): LayerStats {
    const { kvHeads, headDim, layer } = this.shape;
    const lanes = this.store.laneLengths();
    const tokens = [...this.tokens];
    const byRow = tokens.map((_, row) => lanes.slice(row * kvHeads, (row + 1) * kvHeads));
    const logicalBytes = tokens.reduce((a, b) => a + b, 0) * kvHeads * 2 * headDim * 4;
    const base = {
      layer,
      tokens,
      entries: byRow,
      peakEntries: this.store.peakEntries,
      liveBytes: this.store.liveBytes,
      stateBytes: this.store.stateBytes,
      logicalBytes,
    };
    return this.policy.traits.mergeWindow === undefined ? base : { ...base, segments: this.segments(byRow) };
  }

  dispose(): void {
    this.store.dispose();
  }

  /** Segment lengths from the newest position of each entry: an entry holds the tokens since the one before. */
  private segments(byRow: readonly (readonly number[])[]): number[][][] {
    const rows = byRow.map((_, row) => row);
    const step = { rows, tokens: 1, lengths: rows.map(() => 1), starts: this.tokens };
    const slots = Math.max(0, ...byRow.flat());
    const positions = tf.tidy(() => this.store.column(step, "position").dataSync());
    return byRow.map((heads, row) =>
      heads.map((length, head) => {
        const at = (slot: number) => positions[(row * heads.length + head) * slots + slot] ?? 0;
        return Array.from({ length }, (_, slot) => at(slot) - (slot === 0 ? -1 : at(slot - 1)));
      }),
    );
  }

  private applyDrop(step: Step, phase: ((context: EvictContext) => DropOp | undefined) | undefined): void {
    const op = phase?.call(this.policy, this.context(step));
    if (op) this.store.drop(step, op);
  }
}

function positionsTensor(step: Step): tf.Tensor2D {
  return stepTensor<tf.Tensor2D>(step, [step.rows.length, step.tokens], "int32", stepPositions);
}
