import { exitCodes } from "../exit-codes.js";

/** Thrown when the user stopped the work; `main` turns it into exit code 130. */
export class Interrupted extends Error {
  constructor() {
    super("Stopped.");
    this.name = "Interrupted";
  }
}

const leave = () => process.exit(exitCodes.interrupted);
let stop: () => void = leave;
const listen = () => stop();

/** While `work` runs, Ctrl-C ends the process with exit code 130, unless something inside says otherwise. */
export async function catchInterrupts<T>(work: () => Promise<T>): Promise<T> {
  process.on("SIGINT", listen);
  try {
    return await work();
  } finally {
    process.off("SIGINT", listen);
  }
}

/** While `work` runs, Ctrl-C calls `handler` in place of ending the process. */
export async function onInterrupt<T>(handler: () => void, work: () => Promise<T>): Promise<T> {
  const before = stop;
  stop = handler;
  try {
    return await work();
  } finally {
    stop = before;
  }
}

/** Runs work that stops in order at the first Ctrl-C, which raises the signal; the second ends the process at once. */
export function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const handler = () => {
    if (controller.signal.aborted) leave();
    controller.abort(new Interrupted());
  };
  return onInterrupt(handler, () => work(controller.signal));
}

/** Runs work that keeps the event loop busy: no handler could run, so Ctrl-C ends the process by itself. */
export async function busy<T>(work: () => Promise<T>): Promise<T> {
  const listened = process.listeners("SIGINT").includes(listen);
  process.off("SIGINT", listen);
  try {
    return await work();
  } finally {
    if (listened) process.on("SIGINT", listen);
  }
}
