import { z } from "zod";
import {
  bareSection,
  betas,
  computed,
  fields,
  finite,
  flag,
  fromZero,
  limit,
  oneOf,
  optionalSection,
  orNull,
  paths,
  real,
  required,
  section,
  text,
  tokens,
  whole,
  withDefault,
} from "./schema-fields.js";

const model = section("Where the weights come from", {
  from: computed(
    text("a path or a hub id"),
    "-",
    "Model to start from: a Hugging Face folder, a .gguf file, a hub id, or demo",
  ),
  config: computed(fields(), "-", "Shape of a new model, in place of from; only pretrain"),
  tokenizer: computed(text("a path or a hub id"), "-", "Model whose tokenizer a new model takes"),
});

const data = section("What is trained on", {
  files: required(paths(), "Token shards (.kvtok), text, jsonl or parquet files; taken in the order of their names"),
  field: withDefault(text("a name"), "text", "Field of jsonl, column of parquet files that holds the text"),
  normalizeBlanks: withDefault(
    flag(),
    false,
    "For prose that is no shard yet: one space for each run of blanks, no carriage returns",
  ),
  packing: withDefault(
    oneOf("windows", "documents"),
    "windows",
    "What a row holds: text from anywhere on, or whole documents (only longer ones are cut)",
  ),
  heldOut: withDefault(tokens(1), 50_000, "Tokens at the end of the stream that are never trained on"),
  recall: optionalSection("Mixes recall tasks in", {
    fraction: withDefault(fromZero(1), 0.3, "Part of the rows that are recall tasks: facts stated, then asked"),
    facts: withDefault(whole(1), 8, "Most facts stated before the questions"),
    answerWeight: withDefault(real(0), 1, "Weight of the tokens of answers in the loss"),
  }),
});

const batch = section("What one step sees: rows x length x accumulate tokens", {
  rows: withDefault(whole(1), 8, "Rows of one forward and backward pass; memory grows with it"),
  length: withDefault(whole(2), 512, "Tokens of a row"),
  accumulate: withDefault(whole(1), 1, "Passes whose gradients are summed before a step"),
});

const optimizer = section("How weights change", {
  adamw: section("AdamW: embeddings, norms, decisions, and everything that Muon does not take", {
    learningRate: computed(real(0), "by size, see the README", "Peak learning rate of AdamW"),
    betas: withDefault(betas(), [0.9, 0.95], "Decay of the two moments"),
    epsilon: withDefault(real(0), 1e-8, "Added to the root of the second moment"),
    weightDecay: withDefault(fromZero(), 0.1, "Decoupled weight decay"),
  }),
  muon: optionalSection("Muon: the matrices inside the layers, but for rows that decide", {
    learningRate: computed(real(0), "0.02 for a new model, else 0.004", "Peak learning rate of Muon"),
    momentum: withDefault(fromZero(1), 0.95, "Decay of the momentum"),
    weightDecay: withDefault(fromZero(), 0.05, "Decoupled weight decay"),
  }),
  decisionRate: withDefault(real(0), 1, "Of the rows of q and k that decide: times AdamW's learning rate"),
  clip: withDefault(limit(), 1, "Largest norm of all gradients together"),
});

const schedule = section("The learning rate over the run", {
  kind: withDefault(
    oneOf("constant", "cosine", "wsd"),
    "wsd",
    "Learning rate after the warm-up: constant, a cosine to the minimum, or constant with a linear fall at the end",
  ),
  warmupSteps: computed(whole(0), "5 % of the steps, at most 500", "Steps over which the learning rate rises"),
  decaySteps: computed(
    whole(0),
    "40 % of the steps; in a retrofit as the dial says",
    "Last steps, over which wsd falls",
  ),
  minimum: computed(fromZero(1), "0; in a retrofit 0.1", "Part of the learning rate that is left at the end"),
});

const distill = optionalSection(
  "Learns from the frozen starting model",
  {
    weight: withDefault(fromZero(), 1, "Weight of the divergence from the frozen starting model"),
    crossEntropy: withDefault(fromZero(), 0, "Weight of the plain cross-entropy beside it"),
    teacher: computed(
      text("a path or a hub id"),
      "the starting model",
      "Model to learn from; needed where the run starts from a checkpoint of a retrofit",
    ),
  },
  "in dms { weight: 1, crossEntropy: 0 }, else none",
);

/** Defaults of the two methods are those of their released code. */
export const methodSchema = bareSection("How the cache is compressed", {
  kind: withDefault(oneOf("dmc", "dms"), "dmc", "dmc merges tokens into the last entry; dms evicts them after a delay"),
  relaxation: withDefault(
    oneOf("gumbel-sigmoid", "straight-through", "sigmoid"),
    "gumbel-sigmoid",
    "How decisions are made differentiable",
  ),
  temperature: withDefault(real(0), 0.1, "Of the relaxed decisions; small is close to 0 or 1"),
  noiseScale: computed(
    fromZero(),
    "1",
    "Not with the relaxation sigmoid: factor of the noise; 0 is none, small is sure of itself",
  ),
  annealing: section("Only with the relaxation sigmoid: its temperature falls to the one above", {
    from: computed(real(0), "1, or the temperature if higher", "Temperature at the first step that decides"),
    steps: computed(whole(1), "those of the ramp", "Steps over which it falls, geometrically"),
  }),
  granularity: withDefault(oneOf("head", "layer"), "head", "layer: all heads of a layer decide as one (DMC-C)"),
  lossWeight: withDefault(fromZero(), 1, "Weight of the compression loss"),
  lossScope: withDefault(
    oneOf("sequence", "global"),
    "sequence",
    "sequence: each row must reach the target; global: their mean",
  ),
  rampRises: withDefault(
    oneOf("ratio", "merges", "doublings"),
    "ratio",
    "What rises evenly over the ramp: the ratio, the part of tokens that merge, or the logarithm of the ratio",
  ),
  stages: section("The three stages; what is not given here comes from the dial", {
    blank: computed(whole(0), "as the dial says", "Steps that fade out the borrowed neuron"),
    ramp: computed(whole(0), "as the dial says", "Steps over which the target rises from 1 to cr"),
    solidify: computed(whole(0), "as the dial says", "Steps at the full target"),
  }),
  neuron: withDefault(oneOf("first", "last"), "last", "Channel of the heads that carries the decision"),
  offset: withDefault(finite(), 5, "Subtracted from the decision's neuron: how unlikely a merge is at the start"),
  window: computed(orNull(whole(1)), "12", "Only dmc: tokens that an average reaches back to; null: whole segments"),
  logitScale: computed(real(0), "100", "Only dms: factor on the decision's neuron"),
  delay: computed(whole(0), "256", "Only dms: tokens that an evicted token stays visible for"),
});

/** A recipe file. Keys whose default depends on others are optional here; `resolveRecipe` fills them in. */
export const recipeSchema = z.strictObject(
  {
    kind: required(
      oneOf("pretrain", "uptrain", "retrofit"),
      "pretrain: a new model, or one to train on; uptrain: pool KV heads, then train on; retrofit: learn to compress",
    ),
    model,
    output: required(text("the path of a folder"), "Folder of the run: checkpoints, events, the exported model"),
    cr: computed(real(1), "required in a retrofit", "The dial: compression ratio to reach, tokens per entry"),
    tokens: computed(
      tokens(1),
      "in a retrofit as the dial says",
      "Budget in tokens, rounded up to whole steps; or give steps",
    ),
    steps: computed(whole(1), "in a retrofit as the dial says", "Budget in optimiser steps; or give tokens"),
    seed: withDefault(whole(0), 0, "Of initial weights, order of data and noise of decisions"),
    precision: withDefault(oneOf("float32", "bf16"), "float32", "Of matrix products; everything else is float32"),
    recompute: withDefault(flag(), false, "Recompute activations in the backward pass: less memory, more time"),
    train: withDefault(oneOf("all", "attention"), "all", "Which weights learn"),
    kvHeads: computed(whole(1), "required in an uptrain", "KV heads of a layer after pooling; only uptrain"),
    data,
    batch,
    optimizer,
    schedule,
    distill,
    method: methodSchema.optional(),
    checkpoint: section("What is kept of the run", {
      everySteps: computed(whole(1), "a tenth of the steps, at most 500", "Steps between checkpoints"),
      keep: withDefault(whole(1), 3, "Checkpoints that are kept"),
    }),
    evaluate: section("Scores on held-out tokens, with the decisions of inference", {
      everySteps: computed(whole(1), "a twentieth of the steps", "Steps between evaluations"),
      tokens: computed(tokens(1), "10k, at most heldOut", "Held-out tokens scored each time"),
      recall: withDefault(whole(0), 0, "Recall questions asked each time"),
    }),
  },
  "a section of keys",
);

/** A recipe file that the schema has read. */
export type RecipeDocument = z.output<typeof recipeSchema>;
