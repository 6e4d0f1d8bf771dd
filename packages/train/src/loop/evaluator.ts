import { packedSupport } from "@kvfold/core";
import { evaluateRecall, scoreWindows } from "@kvfold/eval";
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
    const { recall, tokens } = this.recipe.evaluate;
    const window = Math.min(longestWindow, config.maxPositions);
    const text = { tokens: this.heldOut.subarray(0, tokens), window };
    const { perplexity, compressionRatio } = await scoreWindows({ model, policy, ...text });
    const scored = { perplexity, ratio: compressionRatio };
    if (recall === 0) return scored;
    const samples = Math.max(1, Math.round(recall / recallFacts.length));
    const [result] = await evaluateRecall({ model, policies: [policy], facts: recallFacts, distances: [32], samples });
    return { ...scored, recall: result?.firstToken as number };
  }
}
