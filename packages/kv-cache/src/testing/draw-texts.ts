import { seeded } from "@kvfold/core/testing";
import type { LawSubject } from "./law.js";
import type { LawCase } from "./law-case.js";

/** What one layer gets of one text, on the host: rows of numbers, head by head. */
export interface TextTokens {
  readonly tokens: number;
  readonly headDim: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  /** `[queryHeads, tokens, headDim]` */
  readonly q: Float32Array;
  /** `[kvHeads, tokens, headDim]` */
  readonly k: Float32Array;
  /** `[kvHeads, tokens, headDim]` */
  readonly v: Float32Array;
}

/** Tokens of every text for every layer, `[text][layer]`. */
export type Texts = readonly (readonly TextTokens[])[];

/** Draws standard normal q, k and v for all texts of a case. */
export function drawTexts(subject: LawSubject, c: LawCase): Texts {
  const random = seeded(c.seed * 7919 + 17);
  const { queryHeads, kvHeads, headDim } = c;
  return c.lengths.map((tokens) =>
    Array.from({ length: c.layers }, () => {
      const text = {
        tokens,
        headDim,
        queryHeads,
        kvHeads,
        q: random.normals(queryHeads * tokens * headDim),
        k: random.normals(kvHeads * tokens * headDim),
        v: random.normals(kvHeads * tokens * headDim),
      };
      subject.shapeTokens?.(text, random.next);
      return text;
    }),
  );
}
