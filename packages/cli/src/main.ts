import { CommanderError } from "commander";
import { exitCodes } from "./exit-codes.js";
import { program } from "./program.js";
import { catchInterrupts, Interrupted } from "./terminal/interruptible.js";
import { UsageError } from "./usage-error.js";

/**
 * Runs a command line.
 *
 * @param args arguments after `kvfold`
 * @returns the exit code: 0 done, 1 failed, 2 wrong command line, 130 stopped by Ctrl-C. Errors are on stderr
 */
export async function main(args: readonly string[]): Promise<number> {
  process.stdout.on("error", leaveClosedPipe);
  process.stderr.on("error", leaveClosedPipe);
  const kvfold = program();
  if (args.length === 0) {
    kvfold.outputHelp();
    return exitCodes.ok;
  }
  try {
    await catchInterrupts(() => kvfold.parseAsync([...args], { from: "user" }));
    return exitCodes.ok;
  } catch (error) {
    return report(error, args.includes("--debug"));
  }
}

function report(error: unknown, debug: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage; // it has spoken
  if (error instanceof Interrupted) return exitCodes.interrupted;
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const own = name === "KvfoldError" || error instanceof UsageError;
  process.stderr.write(`error: ${debug ? stack : message}\n`);
  if (!own && !debug) process.stderr.write("This error was not foreseen; --debug shows where it happened.\n");
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failure;
}

/** Whoever read our output has gone (`kvfold ... | head`): there is nothing left to say. */
function leaveClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  throw error;
}
