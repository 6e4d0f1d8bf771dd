import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linkWorkspace, outputMatches, runBlock, runnableBlocks } from "./readme-blocks.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const folders = ["packages", "examples"].filter((name) => existsSync(join(root, name)));
const readmes = [
  root,
  ...folders.flatMap((name) => readdirSync(join(root, name)).map((child) => join(root, name, child))),
]
  .map((folder) => join(folder, "README.md"))
  .filter(existsSync);
const limit = 120_000;

describe("runnableBlocks", () => {
  it("finds marked blocks with the text block that follows", () => {
    const markdown =
      "# A\n```ts\nno\n```\n```ts runnable\nyes();\n```\nprints\n```text\n1\n```\n```sh runnable\nls\n```\n";
    expect(runnableBlocks(markdown)).toEqual([
      { language: "ts", code: "yes();\n", line: 6, output: "1\n" },
      { language: "sh", code: "ls\n", line: 13, output: undefined },
    ]);
  });
});

describe("outputMatches", () => {
  it("frees timings and marked numbers, and nothing else", () => {
    expect(outputMatches("loaded in 1.2 s\n12.5 tok/s, CR 2.00", "loaded in 0.9 s\n3 tok/s, CR 2.00\n")).toBe(true);
    expect(outputMatches("12.5 tok/s, CR 2.00", "12.5 tok/s, CR 2.01")).toBe(false);
    expect(outputMatches("dmc  ~45.1  8 tokens", "dmc 7 8 tokens")).toBe(true);
    expect(outputMatches("dmc  45.1  8 tokens", "dmc 7 8 tokens")).toBe(false);
  });

  it("lets a line of three dots stand for any lines", () => {
    expect(outputMatches("first\n...\nlast", "first\na\nb\nlast")).toBe(true);
    expect(outputMatches("first\n...\nlast", "first\na\nb")).toBe(false);
  });
});

describe.each(readmes.map((path) => [relative(root, path), path] as const))("%s runs as written", (_name, path) => {
  const blocks = runnableBlocks(readFileSync(path, "utf8"));
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kvfold-readme-"));
    linkWorkspace(folder, root);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("has a runnable block", () => expect(blocks).not.toEqual([]));

  it.each(blocks.map((block) => [block.line, block] as const))("line %i", { timeout: limit }, (_line, block) => {
    const actual = runBlock(block, folder, limit);
    if (block.output === undefined || outputMatches(block.output, actual)) return;
    expect(actual).toBe(block.output); // fails, with a readable difference
  });
});
