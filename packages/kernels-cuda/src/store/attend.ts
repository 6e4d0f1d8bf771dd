import type { Attended, CallSite, LayerShape, PolicyTraits, Step, StepTensors } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend, Output } from "../backend/cuda-backend.js";
import type { EntryLayout, LaneList } from "./lane-list.js";
import { type LaneView, readView, storedView } from "./read-view.js";
import { stepAngles } from "./step-angles.js";
import type { StepNumbers } from "./step-numbers.js";
import {
  attentionMass,
  attentionPlan,
  decodeAttention,
  decodeMerge,
  entryCodecs,
  exactPrefillBytes,
  prefillAttention,
  prefillMass,
  turnQueries,
} from "./store-kernels.js";
import { blanking, type Chunk } from "./write.js";

/** Lanes to read, and the queries. */
export interface Reading {
  readonly list: LaneList;
  readonly step: Step;
  readonly numbers: StepNumbers;
  readonly tensors: StepTensors;
  readonly site: CallSite;
  readonly shape: LayerShape;
  readonly traits: PolicyTraits;
  readonly chunk: Chunk | undefined;
  /** Longest lane of the step's rows; asked for only where attention mass is wanted. */
  readonly longest: () => number;
}

/** A window or band without an end. */
const noEnd = 2 ** 31 - 1;
const limitOf = (limit: number | undefined) => (limit === undefined ? noEnd : Math.min(Math.ceil(limit), noEnd));

/** Turns the queries and lets them attend over the lanes. */
export function attendOverLanes(backend: CudaBackend, reading: Reading): Attended {
  const { step, tensors, traits, shape, list, longest } = reading;
  const turned = turn(backend, reading);
  const out = backend.output(tensors.q.shape);
  const slots = (traits.massQueries ?? 0) > 0 ? Math.max(1, longest()) : 0;
  const mass = slots > 0 ? backend.output([step.rows.length, shape.kvHeads, slots]) : undefined;
  const { numbers, chunk } = reading;
  const again = traits.rotation === "at-read" || chunk?.overwrites !== undefined;
  const view = again ? readView(backend, list, reading, chunk?.overwrites !== undefined) : storedView(list, numbers);
  chunk?.overwrites?.plan(view, chunk.oldLengths);
  const results = { turned, out, mass, slots, view, kind: kindOf(backend, view.layout) };
  if (step.tokens === 1) attendOnce(backend, reading, results);
  else attendChunk(backend, reading, results);
  view.release();
  const attended = { out: tensorOf<tf.Tensor4D>(out), q: tensorOf<tf.Tensor4D>(turned) };
  return mass === undefined ? attended : { ...attended, mass: tensorOf<tf.Tensor3D>(mass) };
}

interface Results {
  readonly turned: Output;
  readonly out: Output;
  readonly mass: Output | undefined;
  readonly slots: number;
  readonly view: LaneView;
  readonly kind: AttentionKind;
}

/** Which kernels read the entries. */
interface AttentionKind {
  readonly codec: (typeof entryCodecs)[number];
  readonly dims: 32 | 64 | 96 | 128 | 256;
  /** Whether the arithmetic is float32 throughout; else queries and probabilities have 16 bits each. */
  readonly exact: boolean;
}

function kindOf({ engine }: CudaBackend, layout: EntryLayout): AttentionKind {
  const codec = entryCodecs[layout.codec] as (typeof entryCodecs)[number];
  return { codec, dims: layout.dims as AttentionKind["dims"], exact: engine.matmulPrecision === "float32" };
}

/** A tensor of the backend around an output. */
export function tensorOf<T extends tf.Tensor>(output: Output): T {
  return tf.engine().makeTensorFromTensorInfo(output.info) as T;
}

function turn(backend: CudaBackend, { list, step, tensors, site, shape, traits }: Reading): Output {
  const turned = backend.output(tensors.q.shape);
  const { queryHeads, kvHeads, headDim } = shape;
  const group = queryHeads / kvHeads;
  const { queryBlank, blankHeads } = blanking(site, group);
  const count = step.rows.length * queryHeads * step.tokens;
  // the slots of the new tokens, where entries are read at their slots
  const bySlot = traits.rotation === "at-read" && traits.readPosition === "slot";
  const starts = bySlot
    ? step.rows.map((row, i) => list.lengthOf(row * kvHeads) - (step.lengths[i] ?? 0))
    : step.starts;
  const values = {
    q: backend.address(tensors.q),
    ...stepAngles(backend, step, site.rope, starts),
    out: turned.address,
    count,
    queryHeads,
    tokens: step.tokens,
    group,
    headDim,
    blank: queryBlank,
    blankHeads,
  };
  backend.engine.launch(turnQueries, values, { grid: [Math.ceil(count / 8)], block: [256] });
  return turned;
}

/** One query token a row. */
function attendOnce(backend: CudaBackend, reading: Reading, { turned, out, mass, slots, view, kind }: Results): void {
  const { step, numbers, site, shape, traits } = reading;
  const { engine } = backend;
  const { device, plans } = engine;
  const group = shape.queryHeads / shape.kvHeads;
  const { codec, dims } = view.layout;
  const lanes = step.rows.length * shape.kvHeads;
  // exact kernels take as many heads at once as those over float32 entries
  const passes = plans.headPasses(kind.exact ? 0 : codec, group);
  const tiles = backend.scratch(4 * (lanes * passes + 1));
  const sizes = { rowCount: step.rows.length, kvHeads: shape.kvHeads, passes };
  const planned = { lengths: view.store.lengths, rows: view.rows, tileStarts: tiles.address, ...sizes };
  engine.launch(attentionPlan, planned, { grid: [1], block: [1024] });
  const shares = [device.multiprocessors, device.sharedBytes, device.sharedEach] as const;
  const plan = plans.planDecodeAttention(codec, dims, lanes, passes, ...shares);
  const partials = backend.scratch(4 * plan.partialFloats);
  const heads = step.rows.length * shape.queryHeads;
  const lse = mass && backend.scratch(4 * heads);
  const scores = mass && backend.scratch(4 * heads * slots);
  const values = {
    q: turned.address,
    out: out.address,
    lse: lse?.address ?? 0,
    scores: scores?.address ?? 0,
    rows: view.rows,
    queryPositions: numbers.positions,
    tileStarts: tiles.address,
    partials: partials.address,
    arrivals: engine.zeros(4 * lanes * passes),
    store: view.store,
    scale: site.scale,
    rowCount: step.rows.length,
    group,
    passes,
    scoreSlots: slots,
    window: limitOf(site.window),
    sinks: noEnd,
    recent: noEnd,
  };
  const shaped = { grid: [plan.grid], block: [plan.block], sharedBytes: plan.sharedBytes } as const;
  const exact = kind.exact && kind.codec !== "f32" ? (`exact_${kind.codec}` as const) : kind.codec;
  engine.launch(decodeAttention[`kvfold_decode_attention_${exact}_${kind.dims}`], values, shaped);
  const merging = { grid: [plan.mergeGrid], block: [256] } as const;
  const merge = decodeMerge[`kvfold_decode_merge_${kind.exact ? "f32" : kind.codec}_${kind.dims}`];
  engine.launch(merge, { attention: values, warps: plan.warps }, merging);
  if (mass !== undefined && (traits.massQueries ?? 0) > 0) {
    const given = {
      scores: scores?.address ?? 0,
      lse: lse?.address ?? 0,
      lengths: view.store.lengths,
      rows: view.rows,
    };
    const wanted = { mass: mass.address, kvHeads: shape.kvHeads, group, scoreSlots: slots };
    engine.launch(attentionMass, { ...given, ...wanted }, { grid: [Math.ceil(slots / 256), lanes], block: [256] });
  }
  for (const block of [tiles, partials, lse, scores]) if (block !== undefined) engine.pool.give(block);
}

/** Several query tokens a row, behind the write of the same tokens. */
function attendChunk(backend: CudaBackend, reading: Reading, { turned, out, mass, slots, view, kind }: Results): void {
  const { step, numbers, site, shape, traits, chunk } = reading;
  if (chunk === undefined) throw new Error("a chunk attends behind its own write only");
  const { engine } = backend;
  const { codec, dims } = view.layout;
  const group = shape.queryHeads / shape.kvHeads;
  const lanes = step.rows.length * shape.kvHeads;
  const plan = engine.plans.planPrefill(codec, dims);
  const lse = mass && backend.scratch(4 * step.rows.length * shape.queryHeads * step.tokens);
  const band = traits.chunking === "defines" ? undefined : traits.band;
  const { slots: slotsOfTokens, from, oldLengths, own } = chunk;
  const values = {
    q: turned.address,
    out: out.address,
    lse: lse?.address ?? 0,
    rows: view.rows,
    counts: numbers.counts,
    positions: numbers.positions,
    oldLengths,
    slots: slotsOfTokens,
    from,
    own,
    store: view.store,
    scale: site.scale,
    tokens: step.tokens,
    group,
    window: limitOf(site.window),
    sinks: band?.sinks ?? noEnd,
    recent: limitOf(band?.recent),
  };
  engine.launch(
    prefillAttention[`kvfold_prefill_attention_${kind.exact ? "exact" : kind.codec}_${kind.dims}`],
    values,
    {
      grid: [Math.ceil((step.tokens * group) / plan.rows), lanes],
      block: [2 * plan.rows],
      sharedBytes: kind.exact ? exactPrefillBytes(dims, plan.rows) : plan.sharedBytes,
    },
  );
  if (mass !== undefined) {
    const wanted = { mass: mass.address, slots, queries: Math.min(traits.massQueries ?? 0, noEnd) };
    const shaped = { grid: [Math.ceil(slots / 32), lanes], block: [256] } as const;
    engine.launch(prefillMass, { attention: values, ...wanted }, shaped);
  }
  if (lse !== undefined) engine.pool.give(lse);
}
