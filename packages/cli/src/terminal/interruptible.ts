/** Thrown when the user stopped the work; `main` turns it into exit code 130. */
export class Interrupted extends Error {
  constructor() {
    super("Stopped.");
    this.name = "Interrupted";
  }
}

/**
 * Runs work that stops in order when the user presses Ctrl-C: the first time the signal is raised, the second time the
 * process ends at once. Outside of such work Ctrl-C ends the process as usual.
 *
 * @param onInterrupt called at the first Ctrl-C, in place of raising the signal with {@link Interrupted}
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Interrupted());
  };
  process.on("SIGINT", stop);
  try {
    return await work(controller.signal);
  } finally {
    process.off("SIGINT", stop);
  }
}
