import { type BlockFormat, storageTypes } from "@kvfold/core";
import { iq4Nl, iq4Xs } from "./iq4.js";
import { q2K } from "./q2-k.js";
import { q3K } from "./q3-k.js";
import { q4K, q5K } from "./q4-k-q5-k.js";
import { q6K } from "./q6-k.js";

/** Decoder of each readable tensor type, by its number in ggml.h (`enum ggml_type`). */
export const ggmlFormats: ReadonlyMap<number, BlockFormat> = new Map<number, BlockFormat>([
  [0, storageTypes.f32],
  [1, storageTypes.f16],
  [2, storageTypes.q4_0],
  [3, storageTypes.q4_1],
  [6, storageTypes.q5_0],
  [7, storageTypes.q5_1],
  [8, storageTypes.q8_0],
  [10, q2K],
  [11, q3K],
  [12, q4K],
  [13, q5K],
  [14, q6K],
  [20, iq4Nl],
  [23, iq4Xs],
  [30, storageTypes.bf16],
]);

/** Number of a format in ggml.h. */
export function ggmlTypeNumber(format: BlockFormat): number {
  for (const [number, known] of ggmlFormats) if (known === format) return number;
  throw new Error(`${format.name} has no number in ggml.h`); // cannot happen: storage types are all in the table
}
