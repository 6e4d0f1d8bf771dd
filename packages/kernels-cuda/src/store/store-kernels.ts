import { deviceKernel, deviceKernels } from "../engine/device-kernel.js";

/** `EntryLayout` of native/kernels/args/lane-store.h. */
export const layoutFields = {
  codec: "int",
  headDim: "int",
  dims: "int",
  pageSlots: "int",
  pageBytes: "int",
  scalesOffset: "int",
  columnsOffset: "int",
  columns: "int",
  positionColumn: "int",
  untilColumn: "int",
  ringRows: "int",
  ringOffset: "int",
  openOffset: "int",
  stateBytes: "int",
} as const;

const store = {
  pages: "address",
  pageTable: "address",
  lengths: "address",
  states: "address",
  pageCapacity: "int",
  kvHeads: "int",
  layout: layoutFields,
} as const;

const pool = { freePages: "address", freeCount: "address", failures: "address", holders: "address" } as const;

const plan = {
  lengths: "address",
  rows: "address",
  tileStarts: "address",
  rowCount: "int",
  kvHeads: "int",
  passes: "int",
} as const;

/** One token a row. */
export const stepKernels = deviceKernels(["kvfold_append_step", "kvfold_dmc_step"], {
  q: "address",
  k: "address",
  v: "address",
  cos: "address",
  sin: "address",
  qOut: "address",
  rows: "address",
  positions: "address",
  until: "address",
  slots: "address",
  merge: "address",
  omega: "address",
  decided: "address",
  finished: "address",
  pool,
  store,
  plan,
  rowCount: "int",
  group: "int",
  half: "int",
  blank: "int",
  queryBlank: "int",
  blankHeads: "int",
  rotatesAtWrite: "int",
  channel: "int",
  offset: "float",
  epsilon: "float",
  edge: "float",
});

/** Several tokens a row. */
export const chunkKernels = deviceKernels(
  [
    "kvfold_append_chunk_plan",
    "kvfold_dmc_chunk_plan",
    "kvfold_dmc_chunk_sums",
    "kvfold_append_chunk_write",
    "kvfold_dmc_chunk_write",
    "kvfold_dmc_chunk_keep",
  ],
  {
    q: "address",
    k: "address",
    v: "address",
    cos: "address",
    sin: "address",
    qOut: "address",
    rows: "address",
    counts: "address",
    positions: "address",
    until: "address",
    merge: "address",
    omega: "address",
    decided: "address",
    slots: "address",
    members: "address",
    weights: "address",
    from: "address",
    oldLengths: "address",
    own: "address",
    pool,
    store,
    rowCount: "int",
    tokens: "int",
    group: "int",
    half: "int",
    blank: "int",
    queryBlank: "int",
    blankHeads: "int",
    rotatesAtWrite: "int",
    channel: "int",
    offset: "float",
    epsilon: "float",
    edge: "float",
  },
);

export const endLast = deviceKernel("kvfold_end_last", { rows: "address", until: "address", store, lanes: "int" });

export const attentionPlan = deviceKernel("kvfold_attention_plan", plan);

/** Codecs of entries, in the order of `EntryCodec`. */
export const entryCodecs = ["f32", "bf16", "int8"] as const;
/** Sizes of heads that kernels exist for. */
const dims = [32, 64, 96, 128, 256] as const;
const variants = entryCodecs.flatMap((codec) => dims.map((size) => `${codec}_${size}` as const));

const decode = {
  q: "address",
  out: "address",
  lse: "address",
  scores: "address",
  rows: "address",
  queryPositions: "address",
  tileStarts: "address",
  partials: "address",
  arrivals: "address",
  store,
  scale: "float",
  rowCount: "int",
  group: "int",
  passes: "int",
  scoreSlots: "int",
  window: "int",
  sinks: "int",
  recent: "int",
} as const;

/** Over coded entries there are two, the second with arithmetic in float32 throughout. */
export const decodeAttention = deviceKernels(
  variants.flatMap((variant) => {
    const exact = variant.startsWith("f32") ? [] : [`kvfold_decode_attention_exact_${variant}` as const];
    return [`kvfold_decode_attention_${variant}` as const, ...exact];
  }),
  decode,
);
export const decodeMerge = deviceKernels(
  variants.map((variant) => `kvfold_decode_merge_${variant}` as const),
  { attention: decode, warps: "int" },
);
export const attentionMass = deviceKernel("kvfold_attention_mass", {
  scores: "address",
  lse: "address",
  lengths: "address",
  rows: "address",
  mass: "address",
  kvHeads: "int",
  group: "int",
  scoreSlots: "int",
});

const prefill = {
  q: "address",
  out: "address",
  lse: "address",
  rows: "address",
  counts: "address",
  positions: "address",
  oldLengths: "address",
  slots: "address",
  from: "address",
  own: "address",
  store,
  scale: "float",
  tokens: "int",
  group: "int",
  window: "int",
  sinks: "int",
  recent: "int",
} as const;

/** The exact ones count in float32 throughout, over entries of every codec. */
export const prefillAttention = deviceKernels(
  [
    ...variants.map((variant) => `kvfold_prefill_attention_${variant}` as const),
    ...dims.map((size) => `kvfold_prefill_attention_exact_${size}` as const),
  ],
  prefill,
);

/** Shared memory of the exact ones, from the queries of a block; see native/kernels/args/prefill-exact.h. */
export function exactPrefillBytes(size: number, rows: number): number {
  const entries = size > 128 ? 16 : 32;
  return 4 * ((rows + 2 * entries) * (size + 4) + rows * (entries + 4) + 3 * entries);
}
export const prefillMass = deviceKernel("kvfold_prefill_mass", {
  attention: prefill,
  mass: "address",
  slots: "int",
  queries: "int",
});

export const turnQueries = deviceKernel("kvfold_turn_queries", {
  q: "address",
  cos: "address",
  sin: "address",
  out: "address",
  count: "long",
  queryHeads: "int",
  tokens: "int",
  group: "int",
  headDim: "int",
  half: "int",
  blank: "int",
  blankHeads: "int",
});

export const dropSelect = deviceKernel("kvfold_drop_select", {
  lengths: "address",
  rows: "address",
  scores: "address",
  intScores: "address",
  keep: "address",
  order: "address",
  newLengths: "address",
  kvHeads: "int",
  slots: "int",
  orderSlots: "int",
  rule: "int",
  from: "int",
  threshold: "float",
});

export const laneMoves = deviceKernels(["kvfold_lane_reserve", "kvfold_lane_move"], {
  rows: "address",
  order: "address",
  newLengths: "address",
  pool,
  from: store,
  to: store,
  lanes: "int",
  orderSlots: "int",
});

export const laneShares = deviceKernels(["kvfold_lane_release", "kvfold_lane_hold", "kvfold_lane_own_last"], {
  lanes: "address",
  newLengths: "address",
  pool,
  store,
  count: "int",
});

export const readEntries = deviceKernel("kvfold_read_entries", {
  rows: "address",
  entries: "address",
  keys: "address",
  values: "address",
  cos: "address",
  sin: "address",
  store,
  lanes: "int",
  slots: "int",
  positions: "int",
  half: "int",
  blank: "int",
  bySlot: "int",
  view: layoutFields,
});

/** Overwrites of a chunk. */
export const overwritePlan = deviceKernel("kvfold_overwrite_plan", {
  counts: "address",
  positions: "address",
  oldLengths: "address",
  slots: "address",
  order: "address",
  newLengths: "address",
  view: store,
  tokens: "int",
  orderSlots: "int",
});

export const writeEntries = deviceKernel("kvfold_write_entries", {
  keys: "address",
  values: "address",
  store,
  lanes: "int",
  slots: "int",
});

export const columnKernels = deviceKernels(["kvfold_read_column", "kvfold_write_column"], {
  rows: "address",
  values: "address",
  store,
  slots: "int",
  column: "int",
});
