import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SafetensorsFile } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { parseConfig } from "../config/parse-config.js";
import { Decoder } from "../decoder/decoder.js";
import { loadDecoderWeights } from "../decoder/load-decoder-weights.js";
import { openHfFolder } from "../weights/open-hf-folder.js";

/** Test helper: a decoder from a Hugging Face folder without a tokenizer, its embedding table on the device. */
export function goldenDecoder(folder: string): Decoder {
  const json = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8")) as unknown;
  const config = parseConfig(json("config.json"));
  using source = openHfFolder(folder);
  const name = "model.embed_tokens.weight";
  const embedding = tf.tensor2d(source.readFloat32(name), source.info(name).shape as [number, number]);
  return new Decoder(config, { ...loadDecoderWeights(source, config), embedding });
}

/** Test helper: integer rows of a golden tensor `[rows, n]` (or one row of a vector). */
export function goldenRows(golden: SafetensorsFile, name: string): number[][] {
  const shape = golden.entry(name).shape;
  const n = shape[shape.length - 1] ?? 0;
  const all = [...(golden.read(name) as Int32Array)];
  return Array.from({ length: all.length / n }, (_, row) => all.slice(row * n, (row + 1) * n));
}

/** Test helper: largest absolute difference of a tensor from a golden one. */
export function largestDifference(found: tf.Tensor, golden: SafetensorsFile, name: string): number {
  const wanted = golden.readFloat32(name);
  const values = found.dataSync<"float32">();
  if (values.length !== wanted.length) throw new Error(`${name}: ${values.length} numbers, expected ${wanted.length}`);
  return values.reduce((max, x, i) => Math.max(max, Math.abs(x - (wanted[i] as number))), 0);
}
