import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend } from "@kvfold/core";
import { repositoryRoot } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { HubServer } from "../test/hub-server.js";
import { loadModel } from "./load-model.js";

const folder = join(repositoryRoot(), "packages/demo-model/plain");

describe("loadModel", () => {
  beforeAll(async () => {
    await chooseBackend({ prefer: "cpu" });
  });

  it("loads a folder, and one from the hub that is the same; says what it is doing", async () => {
    const files = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
    const hub = new HubServer([{ name: "kv/demo", commit: "e".repeat(40), refs: ["main"], files }]);
    const cacheDir = mkdtempSync(join(tmpdir(), "kvfold-load-"));
    try {
      const hubUrl = await hub.start();
      const redirect: typeof fetch = (input, init) =>
        fetch(String(input).replace("https://huggingface.co", hubUrl), init);
      const steps: string[] = [];
      let last = [0, 1];
      const onProgress = (done: number, total: number, what: string) => {
        if (steps[steps.length - 1] !== what) steps.push(what);
        last = [done, total];
      };
      using local = await loadModel(folder, { onProgress });
      expect(steps.splice(0)).toEqual(["loading"]);
      using fetched = await loadModel("kv/demo", { onProgress, hub: { cacheDir, fetch: redirect } });
      expect(steps).toEqual(["downloading", "loading"]);
      expect(last[0]).toBe(last[1]);
      const ids = local.tokenizer.encode("It was a dark evening");
      expect(await fetched.logLikelihood(ids)).toEqual(await local.logLikelihood(ids));
    } finally {
      await hub.stop();
      rmSync(cacheDir, { recursive: true, force: true });
    }
  });

  it("refuses a storage of weights that the backend does not compute on, and names those that it has", async () => {
    await expect(loadModel(folder, { weights: "q8_0" })).rejects.toThrow(
      /cpu cannot hold.*q8_0.*auto, dense.*kernels-cpu/,
    );
  });

  it("frees everything when a model does not load", async () => {
    const before = tf.memory().numTensors;
    await expect(loadModel(join(folder, "nothing-here"))).rejects.toThrow(/nothing-here/);
    await expect(loadModel(join(repositoryRoot(), "packages"))).rejects.toThrow(/config\.json/);
    expect(tf.memory().numTensors).toBe(before);
  });
});
