import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import { afterEach, beforeEach, expect, it } from "vitest";
import { BYTE_CHARACTERS } from "./byte-level-alphabet.js";
import { loadTokenizer } from "./load-tokenizer.js";

const tokenizer = {
  added_tokens: [{ id: 256, content: "<s>", special: true }],
  pre_tokenizer: { type: "ByteLevel", use_regex: true },
  decoder: { type: "ByteLevel" },
  model: { type: "BPE", vocab: Object.fromEntries(BYTE_CHARACTERS.map((token, id) => [token, id])), merges: [] },
};

let folder: string;
const write = (name: string, content: unknown) =>
  writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kvfold-tokenizer-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("reads the tokenizer, its special tokens and its chat template; the template file wins", async () => {
  write("tokenizer.json", tokenizer);
  expect((await loadTokenizer(folder)).bosId).toBeUndefined();
  write("tokenizer_config.json", { bos_token: "<s>", add_bos_token: true, chat_template: "from config" });
  const loaded = await loadTokenizer(folder);
  expect(loaded.bosId).toBe(256);
  expect([...loaded.encode("A")]).toEqual([256, 0x41]);
  expect(loaded.chatTemplates.get("default")).toBe("from config");
  write("chat_template.jinja", "from file");
  expect((await loadTokenizer(folder)).chatTemplates.get("default")).toBe("from file");
});

it("says what is missing and what is there", async () => {
  await expect(loadTokenizer(join(folder, "absent"))).rejects.toThrow(/is not a folder that can be read/);
  await expect(loadTokenizer(folder)).rejects.toThrow(/no tokenizer.json \(other tokenizer files there: none\)/);
  write("tokenizer.model", "x");
  await expect(loadTokenizer(folder)).rejects.toThrow(/files there: tokenizer.model\).*or use a GGUF file/);
});

it("refuses damaged files by name", async () => {
  write("tokenizer.json", '{"model": ');
  await expect(loadTokenizer(folder)).rejects.toThrow(/tokenizer.json is not valid JSON/);
  write("tokenizer.json", tokenizer);
  write("tokenizer_config.json", "[]");
  await expect(loadTokenizer(folder)).rejects.toThrow(/tokenizer_config.json must be a JSON object/);
  write("tokenizer_config.json", "{}");
  truncateSync(join(folder, "tokenizer.json"), 2 ** 30);
  await expect(loadTokenizer(folder)).rejects.toThrow(/1073741824 bytes long; more than 100663296 is refused/);
  await expect(loadTokenizer(folder)).rejects.toSatisfy(KvfoldError.isInstance);
});
