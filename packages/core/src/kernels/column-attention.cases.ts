import * as tf from "@tensorflow/tfjs-core";
import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import { type ColumnAttentionAttrs, type ColumnAttentionInputs, columnAttention } from "./column-attention.js";

interface Setting {
  readonly title: string;
  readonly rows: number;
  readonly kvHeads: number;
  readonly group: number;
  readonly tokens: number;
  readonly headDim: number;
  readonly bias?: "soft" | "hard";
  /** Lengths of the documents of each row. */
  readonly documents?: readonly (readonly number[])[];
  readonly window?: number;
  readonly biasDelay?: number;
}

/** `hard`: every third key is hidden as a merged entry is. */
function bias(numbers: ReturnType<typeof seeded>, { rows, kvHeads, tokens, bias }: Setting): tf.Tensor3D | undefined {
  if (bias === undefined) return undefined;
  const values = numbers.normals(rows * kvHeads * tokens, 3);
  const hidden = values.map((_, i) => (i % 3 === 1 ? -50_000 : 0));
  return tf.tensor3d(bias === "hard" ? hidden : values, [rows, kvHeads, tokens]);
}

function starts({ rows, tokens, documents }: Setting): tf.Tensor2D | undefined {
  if (documents === undefined) return undefined;
  const all = documents.flatMap((lengths) => {
    let start = 0;
    return lengths.flatMap((length) => {
      start += length;
      return new Array<number>(length).fill(start - length);
    });
  });
  return tf.tensor2d(all, [rows, tokens], "int32");
}

function inputs(setting: Setting): ColumnAttentionInputs {
  const { rows, kvHeads, group, tokens, headDim } = setting;
  const numbers = seeded(setting.title.length * 100 + tokens);
  return {
    q: numbers.normal([rows, kvHeads * group, tokens, headDim]),
    k: numbers.normal([rows, kvHeads, tokens, headDim]),
    v: numbers.normal([rows, kvHeads, tokens, headDim]),
    columnBias: bias(numbers, setting),
    starts: starts(setting),
  };
}

const settings: Setting[] = [
  { title: "one token", rows: 2, kvHeads: 2, group: 1, tokens: 1, headDim: 4, bias: "soft" },
  { title: "no bias, groups of 3", rows: 1, kvHeads: 2, group: 3, tokens: 6, headDim: 8 },
  { title: "a bias, groups of 2, odd width", rows: 2, kvHeads: 2, group: 2, tokens: 7, headDim: 5, bias: "soft" },
  { title: "keys hidden by their bias", rows: 1, kvHeads: 3, group: 1, tokens: 9, headDim: 16, bias: "hard" },
  { title: "a window", rows: 1, kvHeads: 1, group: 2, tokens: 11, headDim: 8, bias: "soft", window: 4 },
  { title: "a window of one token", rows: 1, kvHeads: 1, group: 1, tokens: 5, headDim: 4, bias: "hard", window: 1 },
  {
    title: "documents of their own in each row",
    rows: 2,
    kvHeads: 2,
    group: 1,
    tokens: 10,
    headDim: 8,
    bias: "soft",
    documents: [[3, 1, 6], [10]],
  },
  { title: "a bias that waits", rows: 1, kvHeads: 2, group: 1, tokens: 12, headDim: 4, bias: "hard", biasDelay: 3 },
  {
    title: "more tokens than a block, everything at once",
    rows: 1,
    kvHeads: 1,
    group: 1,
    tokens: 110,
    headDim: 4,
    bias: "soft",
    documents: [[75, 35]],
    window: 60,
    biasDelay: 9,
  },
];

function attrs({ headDim, window, biasDelay }: Setting): ColumnAttentionAttrs {
  return { scale: 1 / Math.sqrt(headDim), window, biasDelay };
}

/** Conformance cases of {@link columnAttention}. */
export const columnAttentionCases = kernelSuite(
  columnAttention,
  settings.map((setting) => ({ title: setting.title, inputs: () => inputs(setting), attrs: attrs(setting) })),
);
