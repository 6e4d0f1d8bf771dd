import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainPath } from "@kvfold/demo-model";
import { convertToGguf, type Tokenizer } from "@kvfold/models";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseRecipe } from "../recipe/parse-recipe.js";
import { openTrainingData, type TrainingDataPlace } from "./open-training-data.js";
import { ShardWriter } from "./shard-writer.js";
import { tokenizeFiles } from "./tokenize-files.js";
import { openTokenizer } from "./tokenizer-source.js";

let folder: string;
let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await openTokenizer(plainPath);
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kvfold-data-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = (name: string) => join(folder, name);

function write(name: string, content: string): string {
  writeFileSync(path(name), content);
  return path(name);
}

/** Data of a recipe whose keys under `data` are given, one a line; the run's folder is `run`. */
function open(data: string, changes: Partial<TrainingDataPlace> = {}) {
  const indented = data.replaceAll("\n", "\n  ");
  const text = `kind: pretrain\nmodel: { from: demo }\noutput: run\nsteps: 1\nbatch: { rows: 1, length: 4 }\ndata:\n  ${indented}`;
  const recipe = parseRecipe(text, { path: path("recipe.yaml") });
  const place = { tokenizer, tokenizerFrom: plainPath, vocabSize: tokenizer.vocabSize, folder: recipe.output };
  return openTrainingData(recipe, { ...place, ...changes });
}

/** The last tokens of the stream as text. */
async function textOf(data: string, changes?: Partial<TrainingDataPlace>): Promise<string> {
  using opened = await open(data, changes);
  return tokenizer.decode(opened.heldOut, { skipSpecialTokens: false });
}

const shards = () => readdirSync(path("run")).filter((name) => name.endsWith(".kvtok"));

describe("openTrainingData", () => {
  it("takes files in the order of their names, shards before texts, and holds the end of them all back", async () => {
    for (const name of ["b.txt", "a.txt", "c.md"]) write(name, `This is the text ${name}, a little longer.`);
    await tokenizeFiles([write("z.txt", "First of all comes the shard.")], plainPath, path("z.kvtok"));
    const all = await textOf("files: [./?.txt, ./*.md, z.kvtok]\nheldOut: 40");
    expect(all.match(/\w\.(txt|md)|shard/g)).toEqual(["b.txt", "shard", "c.md"]);
    expect(all.endsWith("c.md, a little longer.")).toBe(true);
  });

  it("tokenizes texts once, and anew when they or the way they are read are others", async () => {
    const lines = write("a.jsonl", '{"text":"One  two three four five six","body":"Six seven eight nine one two"}');
    const data = `files: ${lines}\nheldOut: 2`;
    expect(await textOf(data)).toBe(" five six");
    const [first] = shards();
    const made = statSync(path(`run/${first}`)).mtimeMs;
    expect(await textOf(data)).toBe(" five six");
    expect(shards()).toEqual([first]);
    expect(statSync(path(`run/${first}`)).mtimeMs).toBe(made);
    expect(await textOf(`${data}\nfield: body`)).toBe(" one two");
    expect(await textOf(`${data}\nnormalizeBlanks: true\nfield: text`)).toBe(" five six");
    expect(shards()).toHaveLength(3);
    write("a.jsonl", '{"text":"One two three four five seven"}');
    expect(await textOf(data)).toBe(" five seven");
    expect(shards()).toHaveLength(4);
  });

  it("packs rows as asked", async () => {
    write("a.jsonl", ["one two", "three four", "five six"].map((text) => JSON.stringify({ text })).join("\n"));
    using data = await open(`files: a.jsonl\nheldOut: 1\npacking: documents`);
    for (let step = 0; step < 9; step++) expect(data.source.batch(step, 0).tokens[0]).toBe(tokenizer.bosId);
  });

  it("stops tokenizing when asked, and leaves nothing", async () => {
    write("a.txt", "Some text to be read.");
    await expect(open("files: a.txt", { signal: AbortSignal.abort(new Error("Enough.")) })).rejects.toThrow("Enough");
    expect(readdirSync(path("run"))).toEqual([]);
  });

  it("takes the tokenizer of a GGUF file, whose shards serve the folder it was made from or into", async () => {
    await convertToGguf(plainPath, path("demo.gguf"), { weights: "Q8_0" });
    write("a.txt", "Once upon a time there was a cache.");
    const gguf = { tokenizer: await openTokenizer(path("demo.gguf")), tokenizerFrom: path("demo.gguf") };
    expect(await textOf("files: a.txt\nheldOut: 2", gguf)).toBe(await textOf("files: a.txt\nheldOut: 2"));
  });

  it("refuses shards of another tokenizer, and tokens that the model does not know", async () => {
    const hashes = { sourceSha256: "ab".repeat(32), tokenizerSha256: "cd".repeat(32) };
    using writer = new ShardWriter(path("foreign.kvtok"), { vocabSize: 4096, beginId: 0, ...hashes });
    writer.begin();
    writer.finish();
    await expect(open("files: foreign.kvtok")).rejects.toThrow(
      /foreign.kvtok was made with another tokenizer .* kvfold train tokenize FILES --tokenizer/,
    );
    await tokenizeFiles([write("a.txt", "text")], plainPath, path("own.kvtok"));
    await expect(open("files: own.kvtok", { vocabSize: 4000 })).rejects.toThrow(
      "ids up to 4095, but the model only 4000",
    );
  });

  it("says what is missing", async () => {
    mkdirSync(path("empty"));
    await expect(open("files: empty/*.txt")).rejects.toThrow(/No file matches .*empty\/\*\.txt/);
    await expect(open("files: none.txt")).rejects.toThrow(/none.txt.*no such file/i);
    await expect(open("files: none.kvtok")).rejects.toThrow(/none.kvtok.*no such file/i);
    write("short.txt", "Too short.");
    await expect(open("files: short.txt")).rejects.toThrow("Give more text, hold out less");
  });
});
