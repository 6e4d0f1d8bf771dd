/** What {@link StopStrings.push} lets through. */
export interface StopResult {
  /** Text that can be shown. */
  readonly text: string;
  /** The stop string that was found; nothing may follow. */
  readonly stopped: string | undefined;
}

/** Finds stop strings across the borders of pieces; holds back only text that may be the beginning of one. */
export class StopStrings {
  private readonly stops: readonly string[];
  private held = "";

  constructor(stops: readonly string[]) {
    this.stops = stops.filter((stop) => stop !== "");
  }

  /**
   * Adds a piece. The stop string that is complete first counts (of those that end together, the longest), as if the text
   * came letter by letter; it is not part of the text.
   */
  push(piece: string): StopResult {
    const text = this.held + piece;
    let first: { readonly stop: string; readonly start: number; readonly end: number } | undefined;
    for (const stop of this.stops) {
      const start = text.indexOf(stop);
      const end = start + stop.length;
      if (start < 0) continue;
      if (first === undefined || end < first.end || (end === first.end && start < first.start))
        first = { stop, start, end };
    }
    if (first !== undefined) {
      this.held = "";
      return { text: text.slice(0, first.start), stopped: first.stop };
    }
    const keep = Math.max(0, ...this.stops.map((stop) => overlap(text, stop)));
    this.held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), stopped: undefined };
  }

  /** The text held back, when nothing more comes. */
  flush(): string {
    const text = this.held;
    this.held = "";
    return text;
  }
}

/** Length of the longest end of `text` that begins `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
