import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { type RaggedAttentionAttrs, type RaggedAttentionInputs, raggedAttention } from "./ragged-attention.js";

interface Setting {
  readonly title: string;
  readonly rows: number;
  readonly group: number;
  readonly kvHeads: number;
  readonly tokens: number;
  readonly headDim: number;
  readonly laneLengths: number[];
  readonly massQueries?: number;
  readonly queryCounts?: number[];
  /** Which optional inputs are given. */
  readonly with?: readonly ("from" | "until" | "own" | "bias")[];
}

function inputs(s: Setting): RaggedAttentionInputs {
  const numbers = seeded(s.title.length * 100 + s.tokens);
  const entries = s.laneLengths.reduce((a, b) => a + b, 0);
  const has = (name: "from" | "until" | "own" | "bias") => s.with?.includes(name) ?? false;
  const own = () =>
    numbers.normal<[number, number, number, number], tf.Rank.R4>([s.rows, s.kvHeads, s.tokens, s.headDim]);
  // queries stand at positions 10, 11, ...; entries appear and leave around there
  const positions = Int32Array.from({ length: s.rows * s.tokens }, (_, i) => 10 + (i % s.tokens));
  const index = (low: number, high: number) => tf.tensor1d(numbers.integers(entries, low, high), "int32");
  return {
    q: numbers.normal([s.rows, s.kvHeads * s.group, s.tokens, s.headDim]),
    keys: numbers.normal([entries, s.headDim]),
    values: numbers.normal([entries, s.headDim]),
    queryPositions: has("from") || has("until") ? tf.tensor2d(positions, [s.rows, s.tokens], "int32") : undefined,
    from: has("from") ? index(8, 13) : undefined,
    until: has("until") ? index(10, 16) : undefined,
    ownKeys: has("own") ? own() : undefined,
    ownValues: has("own") ? own() : undefined,
    columnBias: has("bias") ? numbers.normal([entries]) : undefined,
  };
}

function attrs(s: Setting): RaggedAttentionAttrs {
  return {
    laneLengths: s.laneLengths,
    scale: 1 / Math.sqrt(s.headDim),
    massQueries: s.massQueries ?? 0,
    queryCounts: s.queryCounts ?? new Array<number>(s.rows).fill(s.tokens),
  };
}

const settings: Setting[] = [
  {
    title: "decode, MHA, lanes of one length",
    rows: 1,
    group: 1,
    kvHeads: 3,
    tokens: 1,
    headDim: 8,
    laneLengths: [5, 5, 5],
  },
  {
    title: "decode, groups of 2, ragged lanes",
    rows: 2,
    group: 2,
    kvHeads: 2,
    tokens: 1,
    headDim: 16,
    laneLengths: [3, 11, 1, 6],
  },
  {
    title: "decode with visibility",
    rows: 2,
    group: 3,
    kvHeads: 1,
    tokens: 1,
    headDim: 4,
    laneLengths: [7, 4],
    with: ["from", "until"],
  },
  {
    title: "prefill, groups of 3, causal by `from`",
    rows: 1,
    group: 3,
    kvHeads: 2,
    tokens: 5,
    headDim: 6,
    laneLengths: [9, 6],
    with: ["from"],
  },
  {
    title: "prefill with own entries and visibility",
    rows: 2,
    group: 2,
    kvHeads: 2,
    tokens: 4,
    headDim: 8,
    laneLengths: [3, 5, 2, 8],
    with: ["from", "until", "own"],
  },
  {
    title: "training: own entries and a column bias",
    rows: 1,
    group: 2,
    kvHeads: 2,
    tokens: 6,
    headDim: 8,
    laneLengths: [6, 6],
    with: ["from", "own", "bias"],
  },
  {
    title: "own entries only, empty lanes",
    rows: 1,
    group: 2,
    kvHeads: 2,
    tokens: 3,
    headDim: 4,
    laneLengths: [0, 2],
    with: ["own"],
  },
  {
    title: "mass of all queries, padded rows",
    rows: 2,
    group: 2,
    kvHeads: 2,
    tokens: 4,
    headDim: 8,
    laneLengths: [5, 7, 3, 6],
    massQueries: Number.POSITIVE_INFINITY,
    queryCounts: [4, 2],
    with: ["from", "until"],
  },
  {
    title: "mass of the last query",
    rows: 2,
    group: 1,
    kvHeads: 2,
    tokens: 3,
    headDim: 4,
    laneLengths: [5, 4, 3, 6],
    massQueries: 1,
    queryCounts: [3, 1],
    with: ["own"],
  },
];

/** Conformance cases of {@link raggedAttention}. */
export const raggedAttentionCases = kernelSuite(
  raggedAttention,
  settings.map((setting) => ({ title: setting.title, inputs: () => inputs(setting), attrs: attrs(setting) })),
);
