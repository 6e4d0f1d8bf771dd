import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goldensPath } from "@kvfold/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HubServer } from "../../test/hub-server.js";
import { openModelFiles, readModelConfig } from "../model-files.js";
import { type ResolveModelOptions, resolveModel } from "./resolve-model.js";

const golden = (name: string) => {
  const folder = join(goldensPath("hf") ?? "", "models", name);
  const names = readdirSync(folder).filter((file) => !/golden|v5/.test(file));
  return Object.fromEntries(names.map((file) => [file, readFileSync(join(folder, file))]));
};
const commits = { single: "a".repeat(40), sharded: "b".repeat(40), gguf: "c".repeat(40), gated: "d".repeat(40) };
const repositories = [
  {
    name: "kv/single",
    commit: commits.single,
    refs: ["main", "refs/pr/3"],
    files: { ...golden("llama-mha"), "tokenizer.json": "{}", "README.md": "no", "pytorch_model.bin": "no" },
  },
  { name: "kv/sharded", commit: commits.sharded, refs: ["main", "v1"], files: golden("llama-gqa-hd32-sharded") },
  {
    name: "kv/gguf",
    commit: commits.gguf,
    refs: ["main"],
    files: { "README.md": "x", "m.Q4_1.gguf": "GGUF-four", "m.Q8_0.gguf": "GGUF-eight" },
  },
  { name: "kv/gated", commit: commits.gated, refs: ["main"], files: golden("llama-mha"), gated: true },
  { name: "kv/bin", commit: commits.gated, refs: ["main"], files: { "config.json": "{}", "pytorch_model.bin": "x" } },
];

describe("resolveModel", () => {
  let cacheDir: string;
  let hub: HubServer;
  let options: ResolveModelOptions;
  beforeEach(async () => {
    cacheDir = mkdtempSync(join(tmpdir(), "kvfold-hub-"));
    hub = new HubServer(repositories);
    const hubUrl = await hub.start();
    // The client is told the real address; every request is led to the loopback server.
    const redirect: typeof fetch = (input, init) =>
      fetch(String(input).replace("https://huggingface.co", hubUrl), init);
    options = { cacheDir, fetch: redirect };
  });
  afterEach(async () => {
    await hub.stop();
    rmSync(cacheDir, { recursive: true, force: true });
  });

  it("takes local folders and files as they are", async () => {
    const file = join(cacheDir, "m.gguf");
    writeFileSync(file, "x");
    expect(await resolveModel(cacheDir, options)).toEqual({ path: cacheDir, origin: "local" });
    expect(await resolveModel(file, options)).toEqual({ path: file, origin: "local" });
    expect(hub.requests).toEqual([]);
  });

  it("downloads what a model folder needs, whole, once", async () => {
    const seen: number[] = [];
    const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }) => {
      seen.push(doneBytes);
      expect(doneBytes).toBeLessThanOrEqual(totalBytes);
    };
    const model = await resolveModel("kv/single", { ...options, onProgress });
    expect(model).toMatchObject({ origin: "hub", commit: commits.single });
    const names = readdirSync(model.path).filter((name) => !name.startsWith("."));
    expect(names).toEqual(["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"]);
    expect(readFileSync(join(model.path, "model.safetensors"))).toEqual(golden("llama-mha")["model.safetensors"]);
    expect(seen.length).toBeGreaterThan(3);
    const files = await openModelFiles(model.path);
    expect(files.config.architecture).toBe("llama");
    files.source.close();

    hub.requests.length = 0;
    expect(await resolveModel("kv/single@refs/pr/3", options)).toEqual(model);
    expect(hub.requests.filter((path) => path.includes("/resolve/"))).toEqual([]);
    hub.requests.length = 0;
    expect(await resolveModel(`kv/single@${commits.single}`, options)).toEqual(model);
    expect(hub.requests).toEqual([]);
  });

  it("leaves the weights where they are when only the config is wanted", async () => {
    const { path } = await resolveModel("kv/single", { ...options, withoutWeights: true });
    expect(readdirSync(path)).toEqual(["config.json", "generation_config.json", "tokenizer.json"]);
    expect((await readModelConfig(path)).architecture).toBe("llama");
    await resolveModel("kv/single", options);
    expect(readdirSync(path)).toContain("model.safetensors");
  });

  it("downloads every shard that the index names", async () => {
    const { path } = await resolveModel("kv/sharded", { ...options, revision: "v1" });
    expect(readdirSync(path).filter((name) => name.endsWith(".safetensors"))).toHaveLength(2);
    const files = await openModelFiles(path);
    expect(files.source.has("model.embed_tokens.weight")).toBe(true);
    files.source.close();
  });

  it("downloads one GGUF file, and lists the files when none is named", async () => {
    const model = await resolveModel("kv/gguf/m.Q8_0.gguf", options);
    expect(readFileSync(model.path, "utf8")).toBe("GGUF-eight");
    expect(readdirSync(join(model.path, ".."))).toEqual(["m.Q8_0.gguf"]);
    await expect(resolveModel("kv/gguf", options)).rejects.toThrow(
      /has no config.json. It has GGUF files: name one, for example kv\/gguf\/m.Q4_1.gguf \(2 in all\)/,
    );
    await expect(resolveModel("kv/gguf/other.gguf", options)).rejects.toThrow(
      /GGUF files there: m.Q4_1.gguf, m.Q8_0.gguf/,
    );
  });

  it("uses the cache without a connection, and says what it looked for when that is empty", async () => {
    const model = await resolveModel("kv/single", options);
    await hub.stop();
    expect(await resolveModel("kv/single", options)).toEqual(model);
    await expect(resolveModel("kv/sharded", options)).rejects.toThrow(
      /no local file or folder kv\/sharded, it is not in the cache \(.*models--kv--sharded\), and the hub cannot be asked/,
    );
  });

  it("names missing models and revisions, refused access and unreadable formats", async () => {
    await expect(resolveModel("kv/none", options)).rejects.toThrow(/The hub has no model kv\/none \(404\)/);
    await expect(resolveModel("kv/single@v9", options)).rejects.toThrow(/no model kv\/single@v9/);
    await expect(resolveModel("kv/gated", options)).rejects.toThrow(
      /refuses access to kv\/gated \(401\).*access token/,
    );
    await expect(resolveModel("kv/bin", options)).rejects.toThrow(
      /has no model.safetensors.*It has: config.json, pytorch_model.bin/,
    );
    const { commit } = await resolveModel("kv/gated", { ...options, accessToken: "hf_test" });
    expect(commit).toBe(commits.gated);
  });

  it("never keeps a file that arrived damaged or short", async () => {
    const original = golden("llama-mha")["model.safetensors"] as Buffer;
    const damaged = Buffer.from(original);
    damaged[1000] = (damaged[1000] as number) ^ 1;
    hub.replaced.set("model.safetensors", damaged);
    await expect(resolveModel("kv/single", options)).rejects.toThrow(/model.safetensors arrived damaged \(its SHA-256/);
    hub.replaced.set("model.safetensors", original.subarray(0, 500));
    await expect(resolveModel("kv/single", options)).rejects.toThrow(/500 bytes came instead of/);
    const snapshot = join(cacheDir, "models--kv--single", "snapshots", commits.single);
    expect(existsSync(join(snapshot, "config.json"))).toBe(true);
    expect(readdirSync(snapshot).filter((name) => /safetensors|incomplete/.test(name))).toEqual([]);
    hub.replaced.clear();
    expect((await resolveModel("kv/single", options)).commit).toBe(commits.single);
  });

  it("stops when asked to", async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expect(resolveModel("kv/single", { ...options, signal: controller.signal, onProgress })).rejects.toThrow(
      /abort/i,
    );
  });

  it.each([
    "",
    "  ",
    "single",
    "a/b/c",
    "../x/y",
    "a/../b.gguf",
    "kv/name@../../x",
    "kv/na me",
    "kv/single@a@b",
    "/no/such/folder",
    "kv/x/../../e.gguf",
  ])("refuses %j without asking anyone", async (spec) => {
    await expect(resolveModel(spec, options)).rejects.toThrow(/Give a folder with config.json, a .gguf file, a hub id/);
    await expect(resolveModel("kv/single", { ...options, revision: "../x" })).rejects.toThrow(/revision "..\/x"/);
    expect(hub.requests).toEqual([]);
  });
});
