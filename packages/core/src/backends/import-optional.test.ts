import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { importFailure, importOptional } from "./import-optional.js";

describe("importOptional", () => {
  it("says that an absent package is not installed, and how to install it", async () => {
    expect(await importOptional("@kvfold/kernels-ghost")).toEqual({
      reason: "not installed (npm install @kvfold/kernels-ghost)",
    });
  });

  it("gives the module of a package that is there", async () => {
    const imported = await importOptional<{ version_cpu: string }>("@tensorflow/tfjs-backend-cpu");
    expect(imported).toHaveProperty("module.version_cpu", "4.22.0");
  });

  it("finds a package that only the running program sees", async () => {
    const app = mkdtempSync(join(tmpdir(), "kvfold-app-"));
    const [node, script] = process.argv as [string, string];
    onTestFinished(() => {
      process.argv = [node, script];
      rmSync(app, { recursive: true, force: true });
    });
    const kernels = join(app, "node_modules", "@kvfold", "kernels-of-the-app");
    mkdirSync(kernels, { recursive: true });
    writeFileSync(join(kernels, "index.js"), 'exports.version = "1.2.3";\n');
    writeFileSync(join(app, "main.js"), "");
    process.argv = [node, join(app, "main.js")];
    const imported = await importOptional("@kvfold/kernels-of-the-app");
    expect(imported).toHaveProperty("module.version", "1.2.3");
  });
});

describe("importFailure", () => {
  it("tells a package whose addon was never built from an absent one", () => {
    // The message of tfjs-node 4.22.0 after an install with scripts switched off; it carries no error code.
    const error = new Error(
      "The Node.js native addon module (tfjs_binding.node) can not be found at path: lib/napi-v8/tfjs_binding.node. \n" +
        "Please run command 'npm rebuild @tensorflow/tfjs-node --build-addon-from-source'.",
    );
    const reason = importFailure("@tensorflow/tfjs-node", error);
    expect(reason).toContain("installed without its native addon");
    expect(reason).not.toContain("\n");
  });

  it("does not call a package absent when one of its own dependencies is missing", () => {
    const error = Object.assign(new Error("Cannot find package 'left-pad' imported from index.js"), {
      code: "ERR_MODULE_NOT_FOUND",
    });
    expect(importFailure("@tensorflow/tfjs-node", error)).toBe(
      "failed to load: Cannot find package 'left-pad' imported from index.js",
    );
  });
});
