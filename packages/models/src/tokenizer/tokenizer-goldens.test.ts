import { readFileSync } from "node:fs";
import { join } from "node:path";
import { memorySource } from "@kvfold/core";
import { goldensPath, repositoryRoot, sharedPath, skipReason } from "@kvfold/core/testing";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { parseGgufHeader } from "../gguf/parse-gguf-header.js";
import { tokenizerFromGguf } from "./gguf-tokenizer.js";
import { loadTokenizer } from "./load-tokenizer.js";
import type { Tokenizer } from "./tokenizer.js";

const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const ids = (tokens: Int32Array) => [...tokens];

const smollm2 = sharedPath("models/SmolLM2-135M-Instruct");
const goldens = goldensPath("smollm2") ?? sharedPath("goldens/smollm2");
if (smollm2 === undefined)
  console.log(`SmolLM2 tokenizer tests skipped: ${skipReason("models/SmolLM2-135M-Instruct")}`);
if (goldens === undefined) console.log(`SmolLM2 golden tests skipped: ${skipReason("goldens/smollm2")}`);

describe.skipIf(smollm2 === undefined)("SmolLM2's tokenizer", () => {
  let folder: Tokenizer;
  let gguf: Tokenizer;
  beforeAll(async () => {
    folder = await loadTokenizer(smollm2 ?? "");
    const head = readFileSync(join(smollm2 ?? "", "SmolLM2-135M-Instruct.Q4_1.gguf"));
    gguf = tokenizerFromGguf(parseGgufHeader(memorySource(head, "smollm2.gguf")).metadata);
  });

  it.skipIf(goldens === undefined)("gives llama.cpp's ids, from the folder and from GGUF", () => {
    const file = readJson(join(goldens ?? "", "llamacpp.json"));
    expect(file.tokenize.length).toBeGreaterThan(0);
    for (const { text, ids: expected } of file.tokenize) {
      expect(ids(folder.encode(text, { parseSpecialTokens: false }))).toEqual(expected);
      expect(ids(gguf.encode(text, { parseSpecialTokens: false }))).toEqual(expected);
    }
    for (const { prompt, prompt_ids: expected } of file.greedy) expect(ids(folder.encode(prompt))).toEqual(expected);
  });

  it.skipIf(goldens === undefined)("gives transformers' ids of the greedy prompts", () => {
    const file = readJson(join(goldens ?? "", "greedy.json")) as Record<string, { prompt_ids: number[] }>;
    for (const [prompt, { prompt_ids: expected }] of Object.entries(file)) {
      expect(ids(folder.encode(prompt))).toEqual(expected);
      expect(ids(gguf.encode(prompt))).toEqual(expected);
    }
  });

  it("is the same from GGUF as from the folder", () => {
    expect(gguf).toMatchObject({ vocabSize: 49152, bosId: 1, eosIds: [2] });
    expect(folder).toMatchObject({ vocabSize: 49152, bosId: 1, eosIds: [2] });
    expect(gguf.specialIds).toEqual(folder.specialIds);
    expect(gguf.chatTemplates).toEqual(folder.chatTemplates);
    const samples = [
      readFileSync(join(repositoryRoot(), "packages/models/src/tokenizer/create-tokenizer.ts"), "utf8"),
      ...["data/wikitext-2/test.txt", "data/novels/Doyle_Hound_1902.txt", "data/tinystories/niklas6_tinystories.txt"]
        .map((path) => sharedPath(path))
        .flatMap((path) => (path === undefined ? [] : [readFileSync(path, "utf8").slice(20_000, 80_000)])),
      "你好，世界！日本語のテキスト 안녕하세요 👩‍👩‍👧‍👦🇫🇷 ½ ٣ ௧௨ Ⅸ ①",
    ];
    for (const text of samples) {
      const tokens = folder.encode(text);
      expect(ids(gguf.encode(text))).toEqual(ids(tokens));
      expect(folder.decode(tokens)).toBe(text);
    }
  });

  it("spells back any text, and GGUF agrees on it", () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom(" ", "\n", "a", "1", "'s"), fc.string({ unit: "grapheme" })),
    });
    fc.assert(
      fc.property(text, fc.boolean(), (sample, parseSpecialTokens) => {
        const tokens = folder.encode(sample, { parseSpecialTokens });
        expect(folder.decode(tokens, { skipSpecialTokens: false })).toBe(sample);
        expect(ids(gguf.encode(sample, { parseSpecialTokens }))).toEqual(ids(tokens));
      }),
      { numRuns: 1000 },
    );
  });
});

/** Ids from the reference engine (tokenizers 0.23, Rust). */
const folders: Record<string, { readonly texts: Record<string, number[]>; readonly lossless: boolean }> = {
  "models/stories260K": {
    texts: {
      "Once upon a time": [1, 403, 407, 261, 378],
      "½ ٣ 12": [1, 410, 197, 192, 410, 220, 166, 410, 475, 479],
      "<s>hi</s>": [1, 1, 270, 417, 2],
    },
    lossless: true,
  },
  "models/babyllama105": {
    texts: {
      "once upon a time": [1, 3, 7, 9, 22, 4, 3, 18, 20, 7, 9, 3, 5, 3, 6, 10, 16, 4],
      "½ ٣ 12": [1, 3, 0, 3, 0, 3, 68, 72],
    },
    lossless: false,
  },
  "models/novel-base": {
    texts: {
      "Hello world": [0, 41, 445, 80, 931],
      "½ ٣ 12": [0, 128, 123, 222, 151, 98, 2588, 19],
    },
    lossless: true,
  },
  "data/tokenizers/llama2": {
    texts: {
      "Hello world": [1, 22557, 1526],
      "Hello, y'all! How are you 😁 ?": [1, 22557, 28725, 337, 28742, 455, 28808, 1602, 460, 368, 28705, 30707, 1550],
      "<s>hi</s>": [1, 1, 12014, 2],
    },
    lossless: true,
  },
  "data/tokenizers/qwen3": {
    texts: {
      "Hello, y'all! How are you 😁 ?": [9707, 11, 379, 64848, 0, 2585, 525, 498, 26525, 223, 937],
      "½ ٣ 12": [26062, 220, 149, 96, 220, 16, 17],
    },
    lossless: true,
  },
};

describe.each(Object.entries(folders))("%s", (path, { texts, lossless }) => {
  const folder = sharedPath(path);
  if (folder === undefined) console.log(`tokenizer test skipped: ${skipReason(path)}`);

  it.skipIf(folder === undefined)("gives the reference engine's ids and spells texts back", async () => {
    const tokenizer = await loadTokenizer(folder ?? "");
    for (const [text, expected] of Object.entries(texts)) expect(ids(tokenizer.encode(text))).toEqual(expected);
    if (!lossless) return;
    for (const text of ["One day, Lily met a Shoggoth.", "  two  spaces\n\n\ttab é 你好 👩‍👧 end ", ""])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });
});
