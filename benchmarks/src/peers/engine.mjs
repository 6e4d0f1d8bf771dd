import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Starts an engine's process and waits until its model is loaded. `call` runs one method of it; `close` ends it. */
export async function startEngine(script, options) {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(options)], {
    serialization: "advanced", // JSON would turn a NaN into null, which counts as 0
  });
  const answer = () =>
    new Promise((resolve, reject) => {
      const ended = (code, signal) => reject(new Error(`${script} ended with ${signal ?? code}`));
      child.once("exit", ended);
      child.once("message", ({ value, error }) => {
        child.off("exit", ended);
        if (error === undefined) resolve(value);
        else reject(new Error(`${script}: ${error}`));
      });
    });
  const description = await answer();
  return {
    description,
    call(call, ...args) {
      const waiting = answer();
      child.send({ call, args });
      return waiting;
    },
    close: () => child.disconnect(),
  };
}
