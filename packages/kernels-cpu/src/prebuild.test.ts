import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const folder = new URL("../prebuilds/", import.meta.url);

it("the committed binary is whole and was made from the committed sources", async () => {
  const scripts = new URL("../scripts/native-sources.mjs", import.meta.url).href;
  const { sourceHash } = (await import(scripts)) as { sourceHash(): string };
  const manifest = JSON.parse(readFileSync(new URL("manifest.json", folder), "utf8"));
  const binary = readFileSync(new URL("linux-x64/kernels-cpu.node", folder));
  // When this fails: npm run native:prebuild
  expect(manifest["linux-x64"]).toMatchObject({
    sources: sourceHash(),
    binary: createHash("sha256").update(binary).digest("hex"),
  });
});
