// npm run test:native [-- plain|address|thread|arm64]: the C++ tests, plain, under the sanitizers, and for 64-bit ARM in an
// emulator where a cross compiler and the emulator are installed.
import { spawnSync } from "node:child_process";
import { buildProgram } from "./build-program.mjs";

const light = ["-O1", "-g", "-fno-omit-frame-pointer"];
const variants = {
  plain: [],
  address: [...light, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  thread: [...light, "-fsanitize=thread"],
};
const chosen = process.argv.slice(2);
let failed = false;
for (const [variant, flags] of Object.entries(variants)) {
  if (chosen.length > 0 && !chosen.includes(variant)) continue;
  console.log(
    `--- ${variant}${flags.length > 0 ? ` (${flags.filter((flag) => flag.includes("sanitize=")).join(" ")})` : ""}`,
  );
  const program = await buildProgram("test", { variant, flags });
  const { status } = spawnSync(program, { stdio: "inherit" });
  failed ||= status !== 0;
}
if (chosen.length === 0 || chosen.includes("arm64")) {
  const [compiler, emulator] = ["aarch64-linux-gnu-g++", "qemu-aarch64-static"];
  const absent = [compiler, emulator].filter(
    (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status !== 0,
  );
  if (absent.length > 0) {
    console.log(`--- arm64: skipped, needs ${absent.join(" and ")}`);
  } else {
    console.log("--- arm64 (emulated)");
    const program = await buildProgram("test", { variant: "arm64", flags: ["-static"], compiler, arch: "arm64" });
    failed ||= spawnSync(emulator, [program], { stdio: "inherit" }).status !== 0;
  }
}
process.exitCode = failed ? 1 : 0;
