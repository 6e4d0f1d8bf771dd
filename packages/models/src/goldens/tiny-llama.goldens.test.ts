import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, type SafetensorsFile } from "@kvfold/core";
import { goldensPath, useBackend } from "@kvfold/core/testing";
import { dmc } from "@kvfold/dmc";
import { type CachePolicy, full, type KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emulatedCuda } from "../../test/emulated-cuda.js";
import { dmcOptionsFromRetrofit } from "../config/options-from-retrofit.js";
import type { DmcRetrofitConfig } from "../config/retrofit-config.js";
import { Decoder } from "../decoder/decoder.js";
import { goldenDecoder, goldenRows } from "./golden-model.js";

/** What the goldens' README suggests for float32: logits of the tiny model, and importances. */
const tolerances = { logits: { absolute: 3e-5, relative: 1e-5 }, omega: { absolute: 1e-6, relative: 1e-5 } };

const file = "tiny_llama/expected.safetensors";
const folder = goldensPath("dmc") ?? "";
const present = existsSync(join(folder, file));
const index = present
  ? (JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
      files: Record<string, { tensors: { name: string; role: string }[] }>;
    })
  : undefined;
const expected = (index?.files[file]?.tensors ?? []).flatMap(({ name, role }) => (role === "expected" ? [name] : []));
const tested = [
  ...["logits", "cache_len", "compression_ratio", "merged", "omega"].map((name) => `hard.${name}`),
  "append_only.logits",
  "vanilla.logits",
];

describe.skipIf(!present).each(["cpu", "wasm", ...emulatedCuda])(
  "whole tiny Llama retrofitted with DMC, on %s",
  (backend) => {
    let decoder: Decoder;
    let golden: SafetensorsFile;
    let policy: CachePolicy;
    let ids: number[][];

    beforeAll(async () => {
      await useBackend(backend);
      golden = openSafetensors(join(folder, file));
      decoder = goldenDecoder(join(folder, "tiny_llama"));
      policy = dmc(dmcOptionsFromRetrofit(decoder.config.retrofit as DmcRetrofitConfig));
      ids = goldenRows(golden, "input_ids");
    });
    afterAll(() => {
      decoder.dispose();
      golden.close();
    });

    const close = (name: string, found: ArrayLike<number>, tolerance: { absolute: number; relative: number }) => {
      const wanted = golden.readFloat32(name);
      expect(found.length).toBe(wanted.length);
      const far = Array.from(wanted, (expected, at) => ({ at, expected, actual: found[at] as number })).filter(
        (x) =>
          !(Math.abs(x.actual - x.expected) <= Math.max(tolerance.absolute, tolerance.relative * Math.abs(x.expected))),
      );
      expect(far.slice(0, 5)).toEqual([]);
    };

    /** Logits `[rows, tokens, vocab]` of all tokens, `chunk` a call. */
    const logitsOf = (model: Decoder, cache: KvCache, chunk: number, onStep: () => void = () => {}) => {
      const tokens = ids[0]?.length ?? 0;
      const parts: tf.Tensor[] = [];
      for (let start = 0; start < tokens; start += chunk) {
        const part = ids.map((row) => row.slice(start, start + chunk));
        parts.push(model.forward(cache, part, { logits: "all" }));
        onStep();
      }
      return tf.tidy(() => tf.concat(parts, 1).dataSync());
    };

    it.each([1, 7, 48])("logits and entries in chunks of %i", (chunk) => {
      const cache = decoder.createCache(policy, ids.length);
      close("hard.logits", logitsOf(decoder, cache, chunk), tolerances.logits);
      const { layers } = cache.stats();
      expect(layers.flatMap(({ entries }) => entries.flat())).toEqual([...golden.read("hard.cache_len")]);
      const ratios = layers.flatMap(({ entries, tokens }) =>
        entries.flatMap((heads, row) => heads.map((n) => (tokens[row] ?? 0) / n)),
      );
      close("hard.compression_ratio", ratios, { absolute: 0, relative: 2 ** -23 });
      cache.dispose();
    });

    it("every decision and importance, token by token", () => {
      const { layers, kvHeads } = decoder.config;
      const lanes = layers * ids.length * kvHeads;
      const omega: number[][] = Array.from({ length: lanes }, () => []);
      const merged: number[][] = Array.from({ length: lanes }, () => []);
      const watching: CachePolicy = {
        ...policy,
        forLayer: (shape) => {
          const inner = policy.forLayer(shape);
          return {
            ...inner,
            decide: (tokens) => {
              const op = inner.decide(tokens);
              if (op.op !== "merge") throw new Error("dmc writes merges");
              const first = shape.layer * ids.length * kvHeads;
              op.omega.dataSync().forEach((x, lane) => {
                omega[first + lane]?.push(x);
              });
              return op;
            },
          };
        },
      };
      const cache = decoder.createCache(watching, ids.length);
      let before = new Array<number>(lanes).fill(0);
      logitsOf(decoder, cache, 1, () => {
        const now = cache.stats().layers.flatMap(({ entries }) => entries.flat());
        now.forEach((n, lane) => {
          merged[lane]?.push(n > (before[lane] ?? 0) ? 0 : 1);
        });
        before = now;
      });
      expect(merged.flat()).toEqual([...golden.read("hard.merged")]);
      close("hard.omega", omega.flat(), tolerances.omega);
      cache.dispose();
    });

    it("under `full` it always appends, the neuron blanked: the model at the end of stage 1", () => {
      const cache = decoder.createCache(full(), ids.length);
      close("append_only.logits", logitsOf(decoder, cache, 16), tolerances.logits);
      cache.dispose();
    });

    it("without the retrofit block it is a plain Llama that keeps the neuron", () => {
      const plain = new Decoder({ ...decoder.config, retrofit: undefined }, decoder.weights);
      const cache = plain.createCache(full(), ids.length);
      close("vanilla.logits", logitsOf(plain, cache, 16), tolerances.logits);
      cache.dispose();
    });
  },
);

it.skipIf(!present)(
  `leaves no expected tensor of ${file} untested; those of training are compared in @kvfold/train`,
  () => expect(expected.filter((name) => !name.startsWith("train.") && !tested.includes(name))).toEqual([]),
);
