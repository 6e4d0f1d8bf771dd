import { packedSupport } from "@kvfold/core";
import { evaluateRecall } from "@kvfold/eval";
import type { CachePolicy } from "@kvfold/kv-cache";
import { Decoder, LanguageModel, loadDecoderWeights, type Tokenizer } from "@kvfold/models";
import type { TrainingMethod } from "../method/method.js";
import type { Parameters } from "../model/parameters.js";
import { parametersSource } from "../model/parameters-source.js";
import type { Recipe } from "../recipe/recipe.js";

/** Scores of a checkpoint, through the cache, by the inference rule. */
export interface Evaluation {
  /** Of the held-out tokens, in windows that each stand alone. */
  readonly perplexity: number;
  /** Tokens per entry on the held-out text. */
  readonly ratio: number;
  /** Part of recall answers whose first token greedy decoding gives; undefined when none were asked for. */
  readonly recall?: number;
}

/** Longest window that held-out text is scored in. */
const longestWindow = 1024;
/** Facts stated before the recall questions; a quarter of the questions each. */
const recallFacts = [1, 2, 4, 8];

/** Scores weights in training as a user would run them: a decoder, a cache, hard decisions. */
export class Evaluator {
  constructor(
    private readonly recipe: Recipe,
    private readonly tokenizer: Tokenizer,
    private readonly heldOut: Int32Array,
  ) {}

  async evaluate(parameters: Parameters, method: TrainingMethod, step: number): Promise<Evaluation> {
    const policy = method.inference(step);
    const config = { ...parameters.config, retrofit: method.retrofit };
    using source = parametersSource(parameters, this.recipe.output);
    const weights = packedSupport()?.storages.includes("f32") ? "f32" : "dense"; // packed ones have the faster kernels
    const decoder = new Decoder(config, loadDecoderWeights(source, config, { weights }));
    using model = new LanguageModel(this.recipe.output, decoder, this.tokenizer, () => undefined);
    const scored = await this.text(model, policy);
    const { recall } = this.recipe.evaluate;
    if (recall === 0) return scored;
    const samples = Math.max(1, Math.round(recall / recallFacts.length));
    const [result] = await evaluateRecall({ model, policies: [policy], facts: recallFacts, distances: [32], samples });
    return { ...scored, recall: result?.firstToken as number };
  }

  private async text(model: LanguageModel, policy: CachePolicy): Promise<Pick<Evaluation, "perplexity" | "ratio">> {
    const window = Math.min(longestWindow, model.config.maxPositions);
    const heldOut = this.heldOut.subarray(0, this.recipe.evaluate.tokens);
    let nats = 0;
    let scores = 0;
    let tokens = 0;
    let entries = 0;
    for (let at = 0; at + 1 < heldOut.length; at += window) {
      using cache = model.createCache(policy);
      const part = heldOut.subarray(at, at + window);
      if (part.length < 2) break;
      for (const score of await model.logLikelihood(part, { cache })) nats -= score;
      scores += part.length - 1;
      const stats = cache.stats();
      tokens += stats.compressionRatio * stats.entries;
      entries += stats.entries;
    }
    return { perplexity: Math.exp(nats / scores), ratio: tokens / entries };
  }
}
