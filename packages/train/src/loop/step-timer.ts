import type { ModelConfig } from "@kvfold/models";
import type { Recipe } from "../recipe/recipe.js";

/** Seconds of the newest steps that speeds are averaged over. */
const remembered = 20;

/** Speed of a run over its newest steps. */
export class StepTimer {
  private started = 0;
  private readonly steps: { readonly seconds: number; readonly tokens: number }[] = [];

  constructor(
    readonly config: ModelConfig,
    readonly recipe: Recipe,
  ) {}

  begin(): void {
    this.started = performance.now();
  }

  end(tokens: number, stepsLeft: number): { tokensPerSecond: number; secondsLeft: number } {
    this.steps.push({ seconds: (performance.now() - this.started) / 1000, tokens });
    if (this.steps.length > remembered) this.steps.shift();
    const sum = (of: "seconds" | "tokens") => this.steps.reduce((total, step) => total + step[of], 0);
    return {
      tokensPerSecond: sum("tokens") / sum("seconds"),
      secondsLeft: (sum("seconds") / this.steps.length) * stepsLeft,
    };
  }
}
