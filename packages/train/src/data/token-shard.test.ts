import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HEADER_BYTES } from "./shard-header.js";
import { ShardWriter } from "./shard-writer.js";
import { openShard, type TokenShard } from "./token-shard.js";
import { joinStreams } from "./token-stream.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kvfold-shard-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const hashes = { sourceSha256: "ab".repeat(32), tokenizerSha256: "cd".repeat(32) };

function write(name: string, documents: readonly (readonly number[])[], vocabSize: number, beginId = 0): string {
  const path = join(folder, name);
  using writer = new ShardWriter(path, { vocabSize, beginId, ...hashes });
  for (const document of documents) {
    writer.begin();
    writer.append(document);
  }
  writer.finish();
  return path;
}

function all(shard: Pick<TokenShard, "length" | "read">): number[] {
  const tokens = new Int32Array(shard.length);
  shard.read(0, tokens);
  return [...tokens];
}

describe("token shards", () => {
  it.each([
    [4096, 16],
    [0x10000, 16],
    [128_256, 32],
  ])("give back what was written, vocabulary %i in %i bits", (vocabSize, bits) => {
    const path = write(`${vocabSize}.kvtok`, [[vocabSize - 1, 7], [], [3]], vocabSize);
    using shard = openShard(path);
    expect(shard).toMatchObject({ path, bits, length: 6, vocabSize, beginId: 0, documents: 3, ...hashes });
    expect(all(shard)).toEqual([0, vocabSize - 1, 7, 0, 0, 3]);
    const middle = new Int32Array(2);
    shard.read(1, middle);
    expect([...middle]).toEqual([vocabSize - 1, 7]);
    shard.verify();
  });

  it("are read in the same way when the backend maps files", async () => {
    const path = write("mapped.kvtok", [[1, 2, 3]], 4096);
    await chooseBackend();
    try {
      using shard = openShard(path);
      expect(all(shard)).toEqual([0, 1, 2, 3]);
      shard.verify();
      shard.close();
      expect(() => all(shard)).toThrow("was closed");
    } finally {
      await tf.setBackend("cpu");
    }
  });

  it("refuse what is outside", () => {
    using shard = openShard(write("range.kvtok", [[1, 2, 3]], 4096));
    expect(() => shard.read(2, new Int32Array(3))).toThrow("Tokens 2 to 5 were asked for, but the stream has 4");
    expect(() => shard.read(-1, new Int32Array(1))).toThrow("were asked for");
    shard.close();
    expect(() => shard.read(0, new Int32Array(1))).toThrow("was closed");
  });

  it("appear whole or not at all", () => {
    const path = join(folder, "unfinished.kvtok");
    {
      using writer = new ShardWriter(path, { vocabSize: 10, beginId: 0, ...hashes });
      writer.begin();
      expect(() => writer.append([10])).toThrow("Token 10 is outside the vocabulary of 10");
      expect(() => writer.append([-1])).toThrow("outside");
    }
    using empty = new ShardWriter(path, { vocabSize: 10, beginId: 0, ...hashes });
    expect(() => empty.finish()).toThrow("the sources hold no text");
    empty[Symbol.dispose]();
    expect(readdirSync(folder).filter((name) => name.includes("unfinished"))).toEqual([]);
    expect(() => new ShardWriter(join(folder, "no", "x.kvtok"), { vocabSize: 1, beginId: 0, ...hashes })).toThrow(
      "Cannot write",
    );
  });

  it("say what is wrong with a file", () => {
    const good = readFileSync(write("good.kvtok", [[1, 2, 3]], 4096));
    const path = join(folder, "bad.kvtok");
    const opening = (bytes: Uint8Array) => () => {
      writeFileSync(path, bytes);
      openShard(path).close();
    };
    const changed = (at: number, value: number) => {
      const bytes = Buffer.from(good);
      bytes[at] = value;
      return bytes;
    };
    expect(opening(Buffer.from("Some text, and no shard"))).toThrow("is not a token shard; make one");
    expect(opening(Buffer.alloc(0))).toThrow("is not a token shard");
    expect(opening(good.subarray(0, 100))).toThrow("it ends inside its header");
    expect(opening(Buffer.from(good.toString("latin1").replace("\r\n", "\n"), "latin1"))).toThrow("copied as text");
    expect(opening(changed(8, 2))).toThrow("version 2; this release reads version 1");
    for (let at = 9; at < HEADER_BYTES; at++) {
      expect(opening(changed(at, (good[at] as number) ^ 4)), `byte ${at}`).toThrow(/is damaged|of version/);
    }
    expect(opening(good.subarray(0, -2))).toThrow(`it has ${HEADER_BYTES + 6} bytes where 4 tokens of 16 bits`);
    expect(opening(Buffer.concat([good, Buffer.of(0)]))).toThrow("is damaged");
    opening(changed(HEADER_BYTES + 2, 9))();
    using shard = openShard(path);
    expect(() => shard.verify()).toThrow("not those that were written");
    expect(() => openShard(join(folder, "absent.kvtok"))).toThrow(/no such file/i);
  });
});

describe("joinStreams", () => {
  it("reads several as one", () => {
    using a = openShard(write("a.kvtok", [[1, 2]], 4096));
    using b = openShard(write("b.kvtok", [[3], [4]], 4096));
    const joined = joinStreams([a, b, a]);
    expect(all(joined)).toEqual([0, 1, 2, 0, 3, 0, 4, 0, 1, 2]);
    const part = new Int32Array(6);
    joined.read(2, part);
    expect([...part]).toEqual([2, 0, 3, 0, 4, 0]);
    expect(() => joined.read(5, part)).toThrow("Tokens 5 to 11");
    expect(joinStreams([a])).toBe(a);
  });

  it("refuses shards of different tokenizers", () => {
    using a = openShard(write("c.kvtok", [[1]], 4096));
    using b = openShard(write("d.kvtok", [[1]], 4096, 2));
    expect(() => joinStreams([a, b])).toThrow("come from different tokenizers");
    expect(() => joinStreams([])).toThrow("at least one");
  });
});
