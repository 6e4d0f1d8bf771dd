import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend, KvfoldError } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { damageFile } from "./damage-file.js";
import { loadFile } from "./load-file.js";
import { seededRandom } from "./random.js";
import { fuzzSources, type Kind } from "./sources.js";

/** What became of one damaged file. */
export interface CaseResult {
  readonly index: number;
  readonly kind: Kind;
  readonly name: string;
  readonly place: string;
  /** `crash`: anything thrown that is no KvfoldError. */
  readonly outcome: "loaded" | "error" | "crash";
  /** Code and sentence of a clear error, stack of a crash. */
  readonly detail: string;
  readonly milliseconds: number;
  /** Largest memory of the process so far. */
  readonly peakBytes: number;
}

/** Case i loads a file of kind i modulo 12: mostly the binary kinds, whose headers are the point. */
const KINDS: readonly Kind[] = [
  "safetensors",
  "gguf",
  "config",
  "safetensors",
  "gguf",
  "tokenizer",
  "safetensors",
  "gguf",
  "index",
  "config",
  "torch",
  "torch",
];

/** Runs cases `[from, to)` of a seed and sends a {@link CaseResult} after each: silence means that a file hangs. */
async function main(): Promise<void> {
  const [seed = 0, from = 0, to = 0] = process.argv.slice(2).map(Number);
  const folder = mkdtempSync(join(tmpdir(), "kvfold-fuzz-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  await chooseBackend({ prefer: "cpu" });
  const sources = fuzzSources();
  // Undamaged, every one loads: otherwise its clear errors would mean nothing.
  for (const source of Object.values(sources).flat()) await loadFile(source, source.bytes, folder);
  process.send?.({ ready: true });
  for (let index = from; index < to; index++) {
    const random = seededRandom(seed * 1_000_003 + index);
    const source = random.pick(sources[KINDS[index % KINDS.length] as Kind]);
    const { bytes, place } = damageFile(source, random);
    const tensors = tf.memory().numTensors;
    const start = performance.now();
    let outcome: CaseResult["outcome"] = "loaded";
    let detail = "";
    try {
      await loadFile(source, bytes, folder);
    } catch (error) {
      const clear = KvfoldError.isInstance(error) && error.message.length > 20 && error.message.length < 2000;
      outcome = clear ? "error" : "crash";
      detail = clear ? `${error.code}: ${error.message}` : String((error as Error)?.stack ?? error);
    }
    const leaked = tf.memory().numTensors - tensors;
    if (leaked !== 0) {
      outcome = "crash";
      detail = `${leaked} tensors were not freed after: ${detail}`;
    }
    const milliseconds = performance.now() - start;
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    const result: CaseResult = {
      index,
      kind: source.kind,
      name: source.name,
      place,
      outcome,
      detail,
      milliseconds,
      peakBytes,
    };
    await new Promise((sent) => process.send?.(result, sent));
  }
}

await main();
process.disconnect?.();
