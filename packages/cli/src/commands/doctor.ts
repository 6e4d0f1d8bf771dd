import { cpus, totalmem } from "node:os";
import { Command } from "commander";
import { commonOptions, jsonOption } from "../options.js";
import { bytes } from "../terminal/figures.js";
import { print, printJson, printTable } from "../terminal/output.js";
import { version } from "../version.js";

/** `kvfold doctor`: which backends run here, and why the others do not. */
export function doctorCommand(): Command {
  return commonOptions(new Command("doctor"))
    .summary("which backends run here, and why not")
    .description("Tries every TensorFlow.js backend that kvfold knows, best first, and says why one cannot run.")
    .addOption(jsonOption())
    .action(run);
}

async function run({ json }: { readonly json?: boolean }): Promise<void> {
  const { listBackends } = await import("@kvfold/core");
  const { version_core } = await import("@tensorflow/tfjs-core");
  const backends = await listBackends();
  const chosen = backends.find(({ available }) => available)?.name ?? null;
  const machine = {
    kvfold: version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    tensorflowjs: version_core,
  };
  if (json) {
    printJson({ ...machine, backend: chosen, backends });
    return;
  }
  print(`kvfold ${machine.kvfold}, Node ${machine.node}, TensorFlow.js ${version_core}`);
  print(`${machine.platform}, ${machine.cpus} CPUs, ${bytes(machine.memoryBytes)} of memory\n`);
  printTable(
    [{ head: "backend" }, { head: "state", align: "left" }, { head: "", align: "left" }],
    backends.map((backend) =>
      backend.available
        ? [
            backend.name,
            backend.name === chosen ? "chosen" : "available",
            `${backend.package} ${backend.version} (${backend.detail})`,
          ]
        : [backend.name, "absent", backend.reason],
    ),
  );
}
