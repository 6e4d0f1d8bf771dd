/** Seconds of the newest steps that speeds are averaged over. */
const remembered = 20;

/** What a {@link StepTimer} says of a run. */
export interface StepSpeed {
  readonly tokensPerSecond: number;
  /** Part of `peak` that the model's own operations reach, 0..1. */
  readonly mfu: number;
  readonly secondsLeft: number;
}

/** Speed of a run over its newest steps. */
export class StepTimer {
  private started = 0;
  private readonly steps: { readonly seconds: number; readonly tokens: number }[] = [];

  /**
   * @param flopsPerToken of a forward and backward pass, see `trainingFlops`
   * @param peak operations a second that the backend can do, see `productPeak`
   */
  constructor(
    private readonly flopsPerToken: number,
    private readonly peak: number,
  ) {}

  begin(): void {
    this.started = performance.now();
  }

  end(tokens: number, stepsLeft: number): StepSpeed {
    this.steps.push({ seconds: (performance.now() - this.started) / 1000, tokens });
    if (this.steps.length > remembered) this.steps.shift();
    const sum = (of: "seconds" | "tokens") => this.steps.reduce((total, step) => total + step[of], 0);
    const tokensPerSecond = sum("tokens") / sum("seconds");
    return {
      tokensPerSecond,
      mfu: (tokensPerSecond * this.flopsPerToken) / this.peak,
      secondsLeft: (sum("seconds") / this.steps.length) * stepsLeft,
    };
  }
}
