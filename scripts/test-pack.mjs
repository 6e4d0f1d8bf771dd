#!/usr/bin/env node
// npm run test:pack: packs every package as it would be published, installs the tarballs with npm in an empty folder, as
// a user would, and imports and runs them there.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { checkTarball } from "./check-packages.mjs";
import { environment, must, root, shell } from "./pnpm.mjs";
import { pack, publicPackages } from "./workspace.mjs";

const demandExports = 'if (Object.keys(all).length === 0) throw new Error("no exports");\n';
const folder = mkdtempSync(join(tmpdir(), "kvfold-pack-"));
const app = mkdtempSync(join(tmpdir(), "kvfold-app-"));
let passed = 0;
let failed = 0;
try {
  run();
} finally {
  for (const path of [folder, app]) rmSync(path, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;

function run() {
  must("pnpm", ["exec", "turbo", "run", "build", "--output-logs=errors-only"], { env: environment() });
  const packages = publicPackages().map((pkg) => ({ ...pkg, tarball: pack(pkg.folder, folder) }));
  for (const pkg of packages) {
    const size = Math.ceil(statSync(pkg.tarball).size / 1024);
    count(`${basename(pkg.tarball)}, ${size} kB: README, publint, attw`, checkTarball(pkg, pkg.tarball));
  }

  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(app, "package.json"), '{ "private": true }\n');
  const tarballs = packages.map(({ tarball }) => tarball);
  const testTools = ["vitest", "fast-check"].map((tool) => `${tool}@${devDependencies[tool]}`); // peers of `testing`
  must("npm", ["install", "--no-audit", "--no-fund", ...tarballs, ...testTools], { cwd: app });

  for (const { name, manifest } of packages) {
    const exported = Object.keys(manifest.publishConfig?.exports ?? {});
    if (exported.includes(".")) {
      script(`${name} as an ES module`, "import.mjs", `import * as all from "${name}";\n${demandExports}`);
      script(`${name} as CommonJS`, "require.cjs", `const all = require("${name}");\n${demandExports}`);
    }
    if (exported.includes("./testing")) testing(name);
  }
  const platform = `${process.platform}-${process.arch}`;
  const prebuilt = join(root, "packages", "kernels-cpu", "prebuilds", platform, "kernels-cpu.node");
  const packed = publicPackages().some(({ manifest }) => manifest.name === "@kvfold/kernels-cpu");
  const best = packed && existsSync(prebuilt) ? "native" : "wasm";
  for (const [title, file, load] of [
    ["ES modules", "backend.mjs", 'import { chooseBackend } from "@kvfold/core";'],
    ["CommonJS", "backend.cjs", 'const { chooseBackend } = require("@kvfold/core");'],
  ]) {
    const demand = `if (!["cuda", "${best}"].includes(choice.name)) throw new Error(JSON.stringify(choice, null, 2));`;
    script(
      `chooseBackend gives ${best}, or cuda where there is a device, from ${title}`,
      file,
      `${load}\nchooseBackend().then((choice) => { ${demand} });\n`,
    );
  }
  cuda();
  for (const [args, printed] of [
    [["--help"], /generate.*eval.*plan.*doctor/s],
    [["policies"], /full.*dmc/s],
    [["doctor"], /wasm.*4\.22\.0/s],
  ]) {
    step(`npx kvfold ${args.join(" ")}`, "npx", ["--no-install", "kvfold", ...args], printed);
  }
}

/** The packed GPU kernels load on any machine, and say why they cannot run where there is no device. */
function cuda() {
  const name = "@kvfold/kernels-cuda";
  const body = 'const { detail, reason } = probe();\nconsole.log(detail ?? "not here: " + reason);\n';
  const said =
    /compute capability|not here: (there is no NVIDIA driver \(.*\); install one|.*NVIDIA driver.*|.*_ERROR_.*)/;
  for (const [title, file, load] of [
    ["an ES module", "probe.mjs", `import { probe } from "${name}";`],
    ["CommonJS", "probe.cjs", `const { probe } = require("${name}");`],
  ]) {
    writeFileSync(join(app, file), `${load}\n${body}`);
    step(`${name} as ${title} says what it runs on`, process.execPath, [file], said);
  }
}

/** The suites of a `testing` subpath are for vitest: loads them in a vitest run, from the installed package. */
function testing(name) {
  const file = `${name.replace(/\W+/g, "")}.test.mjs`;
  const body = `import { expect, it } from "vitest";
import * as all from "${name}/testing";
it("exports its suites", () => expect(Object.keys(all).some((key) => key.startsWith("describe"))).toBe(true));
`;
  writeFileSync(join(app, file), body);
  step(`${name}/testing in vitest`, "npx", ["--no-install", "vitest", "run", file]);
}

function script(title, file, body) {
  writeFileSync(join(app, file), body);
  step(title, process.execPath, [file]);
}

/** Runs a command in the app; it must end with 0 and print what is asked for. */
function step(title, command, args, printed = /(?:)/) {
  const { stdout, stderr, status } = spawnSync(command, args, {
    cwd: app,
    encoding: "utf8",
    timeout: 120_000,
    shell,
  });
  const ok = status === 0 && printed.test(stdout);
  if (!ok) console.log(`ended with ${status}:\n${stdout}${stderr}`);
  count(title, ok);
}

function count(title, ok) {
  console.log(`${ok ? "ok    " : "FAILED"}  ${title}`);
  if (ok) passed++;
  else failed++;
}
