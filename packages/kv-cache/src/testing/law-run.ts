import type { Rope } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { attention } from "../attention.js";
import type { KvCache } from "../kv-cache.js";
import type { Texts, TextTokens } from "./draw-texts.js";
import type { LawCase } from "./law-case.js";

/** A cache row that reads one text. */
interface Reader {
  readonly text: number;
  done: number;
  /** Attention's output for each token so far, `[layer][token]` → `[queryHeads, headDim]`. */
  readonly outputs: Float32Array[][];
}

/** Padding is not zero, so that a store which reads it is found out. */
const padding = 7;

/** Feeds texts through a cache and keeps what attention gave for every token. */
export class LawRun {
  readonly cache: KvCache;
  readonly case: LawCase;
  readonly rope: Rope | undefined;
  private readonly texts: Texts;
  private readers: Reader[];

  /** @param rowTexts the text that each row of the cache reads */
  constructor(cache: KvCache, c: LawCase, texts: Texts, rope: Rope | undefined, rowTexts: readonly number[]) {
    this.cache = cache;
    this.case = c;
    this.texts = texts;
    this.rope = rope;
    this.readers = rowTexts.map((text) => ({ text, done: 0, outputs: texts[text]?.map(() => []) ?? [] }));
  }

  /** Tokens that each row has still to read. */
  get remaining(): number[] {
    return this.readers.map(({ text, done }) => (this.texts[text]?.[0]?.tokens ?? 0) - done);
  }

  /** One step: the next `counts[row]` tokens of each row's text; 0 leaves the row out. */
  feed(counts: readonly number[], endOfPrefill = false): void {
    const rows = counts.flatMap((count, row) => (count > 0 ? [row] : []));
    if (rows.length === 0) return;
    const lengths = rows.map((row) => counts[row] ?? 0);
    const tokens = Math.max(...lengths);
    for (let layer = 0; layer < this.case.layers; layer++) {
      const out = tf.tidy(() => {
        const part = (name: "q" | "k" | "v", heads: number) => this.stepTensor(name, heads, layer, rows, lengths);
        const ragged = lengths.some((length) => length < tokens);
        return attention(this.cache.layer(layer), {
          q: part("q", this.case.queryHeads),
          k: part("k", this.case.kvHeads),
          v: part("v", this.case.kvHeads),
          ...(this.rope ? { rope: this.rope } : {}),
          ...(this.case.window === undefined ? {} : { window: this.case.window }),
          ...(this.case.borrowed ? { borrowed: this.case.borrowed } : {}),
          ...(rows.length < this.readers.length ? { rows } : {}),
          ...(ragged ? { lengths } : {}),
          endOfPrefill,
        });
      });
      this.collect(out, layer, rows, lengths);
      out.dispose();
    }
    for (const row of rows) (this.readers[row] as Reader).done += counts[row] ?? 0;
  }

  /** Reads every row to the end of its text, `chunk` tokens of each row a step. */
  finish(chunk = 1): void {
    while (this.remaining.some((left) => left > 0)) this.feed(this.remaining.map((left) => Math.min(left, chunk)));
  }

  /** All outputs of a row so far, layer by layer. */
  outputs(row: number): Float32Array[] {
    return (this.readers[row] as Reader).outputs.flat();
  }

  /** Forgets what the rows read after `done` tokens, as `cache.crop` did. */
  rewind(done: readonly number[]): void {
    this.readers.forEach((reader, row) => {
      reader.done = done[row] ?? 0;
      for (const layer of reader.outputs) layer.length = reader.done;
    });
  }

  /** Follows `cache.selectRows`. */
  select(rows: readonly number[]): void {
    this.cache.selectRows(rows);
    this.readers = rows.map((row) => copyReader(this.readers[row] as Reader));
  }

  /** Follows `cache.addRows`; the new rows read these texts. */
  add(rowTexts: readonly number[]): void {
    this.cache.addRows(rowTexts.length);
    for (const text of rowTexts) {
      this.readers.push({ text, done: 0, outputs: this.texts[text]?.map(() => []) ?? [] });
    }
  }

  /** A run that goes on from here over another cache, the rows from now on with these texts. */
  branch(cache: KvCache, rowTexts?: readonly number[]): LawRun {
    const copy = new LawRun(cache, this.case, this.texts, this.rope, []);
    copy.readers = this.readers.map((reader, row) => ({ ...copyReader(reader), text: rowTexts?.[row] ?? reader.text }));
    return copy;
  }

  private stepTensor(
    name: "q" | "k" | "v",
    heads: number,
    layer: number,
    rows: readonly number[],
    lengths: readonly number[],
  ): tf.Tensor4D {
    const tokens = Math.max(...lengths);
    const { headDim } = this.case;
    const values = new Float32Array(rows.length * heads * tokens * headDim).fill(padding);
    rows.forEach((row, i) => {
      const { text, done } = this.readers[row] as Reader;
      const source = this.texts[text]?.[layer] as TextTokens;
      for (let head = 0; head < heads; head++) {
        const start = (head * source.tokens + done) * headDim;
        const end = start + (lengths[i] ?? 0) * headDim;
        values.set(source[name].subarray(start, end), (i * heads + head) * tokens * headDim);
      }
    });
    return tf.tensor4d(values, [rows.length, heads, tokens, headDim]);
  }

  private collect(out: tf.Tensor4D, layer: number, rows: readonly number[], lengths: readonly number[]): void {
    const [, heads, tokens, headDim] = out.shape;
    const values = out.dataSync();
    rows.forEach((row, i) => {
      for (let t = 0; t < (lengths[i] ?? 0); t++) {
        const token = new Float32Array(heads * headDim);
        for (let head = 0; head < heads; head++) {
          const start = ((i * heads + head) * tokens + t) * headDim;
          token.set(values.subarray(start, start + headDim), head * headDim);
        }
        this.readers[row]?.outputs[layer]?.push(token);
      }
    });
  }
}

function copyReader(reader: Reader): Reader {
  return { ...reader, outputs: reader.outputs.map((layer) => [...layer]) };
}
