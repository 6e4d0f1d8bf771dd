import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sharedPath, skipReason } from "@kvfold/core/testing";
import { plainPath } from "@kvfold/demo-model";
import { loadTokenizer, type Tokenizer } from "@kvfold/models";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openShard } from "./token-shard.js";
import { type TokenizeOptions, tokenizeFiles } from "./tokenize-files.js";

let folder: string;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "kvfold-tokenize-"));
  tokenizer = await loadTokenizer(plainPath);
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Texts of the documents of a shard. */
async function texts(files: readonly string[], options?: TokenizeOptions): Promise<string[]> {
  const output = join(folder, "out.kvtok");
  const { documents } = await tokenizeFiles(files, plainPath, output, options);
  using shard = openShard(output);
  shard.verify();
  const tokens = new Int32Array(shard.length);
  shard.read(0, tokens);
  const all = tokenizer.decode(tokens, { skipSpecialTokens: false }).split("<|begin|>");
  expect(all.shift()).toBe("");
  expect(all.length).toBe(documents);
  return all;
}

describe("tokenizeFiles", () => {
  it("takes a text file as one document, a jsonl file as one a line", async () => {
    const text = file("a.txt", "One\r\n  two.\n\n");
    const lines = file("b.jsonl", `{"text":"Three"}\n\n{"text":"","other":1}\r\n{"text":"Four\\u2028 five"}`);
    expect(await texts([text, lines])).toEqual(["One\r\n  two.\n\n", "Three", "Four\u2028 five"]);
    expect(await texts([lines, text], { normalizeBlanks: true })).toEqual(["Three", "Four\u2028 five", "One\n two."]);
    expect(await texts([file("c.jsonl", '{"body":"Six"}')], { field: "body" })).toEqual(["Six"]);
  });

  it("takes a parquet file as one document a row", async () => {
    const column = (name: string, data: readonly unknown[]) => ({ name, data: [...data] });
    const rows = { columnData: [column("id", [1, 2, 3, 4]), column("text", ["One", null, "", "Two\n三"])] };
    const path = file("a.parquet", new Uint8Array(parquetWriteBuffer({ ...rows, rowGroupSize: 3 })));
    expect(await texts([path])).toEqual(["One", "Two\n三"]);
    await expect(texts([path], { field: "id" })).rejects.toThrow('column "id" does not hold strings');
    await expect(texts([path], { field: "body" })).rejects.toThrow(/a\.parquet.*body/);
  });

  it("spells out the names of special tokens", async () => {
    const output = join(folder, "special.kvtok");
    const { documents } = await tokenizeFiles([file("s.txt", "a<|begin|>b<|end|>")], plainPath, output);
    expect(documents).toBe(1);
    using shard = openShard(output);
    const tokens = new Int32Array(shard.length);
    shard.read(0, tokens);
    expect(tokens.subarray(1).includes(0)).toBe(false);
    expect(tokenizer.decode(tokens)).toBe("a<|begin|>b<|end|>");
  });

  it("replaces broken UTF-8, and keeps characters that lie across two reads", async () => {
    const long = `${"x".repeat((1 << 20) - 1)}é`;
    expect(await texts([file("broken.txt", Buffer.from([0x61, 0xff, 0x62])), file("long.txt", long)])).toEqual([
      "a\ufffdb",
      long,
    ]);
  });

  it("tells how far it is, and stops when asked, leaving nothing", async () => {
    const text = file("p.txt", "word ".repeat(50_000));
    const seen: number[] = [];
    const output = join(folder, "stopped.kvtok");
    const stop = new AbortController();
    const onProgress = ({ tokens, totalBytes }: { tokens: number; totalBytes: number }) => {
      expect(totalBytes).toBe(250_000);
      seen.push(tokens);
      if (seen.length === 2) stop.abort();
    };
    await expect(tokenizeFiles([text], plainPath, output, { onProgress, signal: stop.signal })).rejects.toThrow(
      "abort",
    );
    expect(seen.length).toBe(2);
    expect(readdirSync(folder).filter((name) => name.startsWith("stopped"))).toEqual([]);
  });

  it.each([
    ["absent.txt", undefined, "there is no such file"],
    ["bad.jsonl", '{"text":"a"}\n{', "line 2: not JSON"],
    ["number.jsonl", '{"text":1}', 'field "text" must be a string'],
    ["null.jsonl", "null", 'field "text" must be a string'],
    ["empty.txt", "", "the sources hold no text"],
    ["bad.parquet", "PAR1 is not enough", "Cannot read"],
  ])("refuses %s", async (name, content, message) => {
    const path = content === undefined ? join(folder, name) : file(name, content);
    await expect(tokenizeFiles([path], plainPath, join(folder, "refused.kvtok"))).rejects.toThrow(message);
  });
});

const NOVELS = "data/novels";
const BASE = "models/novel-base";
const [novels, base] = [sharedPath(NOVELS), sharedPath(BASE)];

describe("the stream of novel-base", () => {
  it.skipIf(!novels || !base)(`ends as heldout.u16 says (${skipReason(`${NOVELS} and ${BASE}`)})`, async () => {
    // the whole stream takes a minute; its end lies within the last of the 90 files
    const last = join(novels as string, "Woolf_Years_1937.txt");
    const output = join(folder, "novel.kvtok");
    await tokenizeFiles([last], base as string, output, { normalizeBlanks: true });
    using shard = openShard(output);
    const heldOut = readFileSync(join(base as string, "heldout.u16"));
    const end = new Int32Array(heldOut.length / 2);
    shard.read(shard.length - end.length, end);
    expect(Buffer.from(Uint16Array.from(end).buffer).equals(heldOut)).toBe(true);
  });
});
