// npm run test:native [-- plain|address|thread]: the C++ tests, plain and under the sanitizers.
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
process.exitCode = failed ? 1 : 0;
