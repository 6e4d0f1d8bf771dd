/** One result as a JSON line of stdout, which `run-all` collects. */
export function report(result) {
  console.log(JSON.stringify(result));
}

/** Result of a set of checks; the process will end with 1 when one failed. `failures` are sentences. */
export function reportChecks(name, { passed, failures, skipped = 0 }) {
  report({ kind: "check", name, passed, failed: failures.length, skipped, failures: failures.slice(0, 40) });
  if (failures.length > 0 || passed === 0) process.exitCode = 1;
}
