/** Longest silence before progress is shown, and between plain lines when nobody watches a terminal. */
const FIRST_MS = 1000;
const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;
const BAR_CELLS = 24;

/** Where progress goes; `process.stderr`. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * One line of progress with the time left, on stderr: nothing for work that takes less than a second. On a terminal the
 * line redraws itself and is gone at the end; elsewhere a plain line comes every 10 seconds. The cursor stays visible, so
 * there is nothing to restore when the process is killed.
 */
export class Progress {
  private readonly title: string;
  private readonly stream: ProgressStream;
  private readonly now: () => number;
  private readonly start: number;
  private next: number;
  private drawn = false;

  constructor(title: string, stream: ProgressStream = process.stderr, now: () => number = () => performance.now()) {
    this.title = title;
    this.stream = stream;
    this.now = now;
    this.start = now();
    this.next = this.start + FIRST_MS;
  }

  /** Tells how much of the work is done. */
  update(done: number, total: number): void {
    const now = this.now();
    if (now < this.next || total <= 0) return;
    const share = Math.min(1, done / total);
    const left = share > 0 ? `, ${duration(((now - this.start) * (1 - share)) / share)} left` : "";
    const figures = `${Math.floor(share * 100)} %${left}`;
    if (this.stream.isTTY) {
      const filled = Math.round(share * BAR_CELLS);
      this.stream.write(`\r\x1b[K${this.title} [${"#".repeat(filled)}${"-".repeat(BAR_CELLS - filled)}] ${figures}`);
      this.drawn = true;
      this.next = now + REDRAW_MS;
    } else {
      this.stream.write(`${this.title}: ${figures}\n`);
      this.next = now + PLAIN_LINE_MS;
    }
  }

  /** Removes the line. */
  end(): void {
    if (this.drawn) this.stream.write("\r\x1b[K");
    this.drawn = false;
  }
}

/** `8 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
