/** A training run with every default filled in; {@link parseRecipe} makes it from a recipe file. */
export interface Recipe {
  /** `pretrain`: a model from its folder or anew. `uptrain`: pools KV heads, then trains on. `retrofit`: learns to compress. */
  readonly kind: "pretrain" | "uptrain" | "retrofit";
  readonly model: ModelSource;
  /** Folder of the run: checkpoints, events, the exported model. */
  readonly output: string;
  readonly seed: number;
  /** Of matrix products; weights, sums and optimiser state are float32 always. */
  readonly precision: "float32" | "bf16";
  readonly data: DataRecipe;
  readonly batch: {
    /** Rows of one forward and backward pass. */
    readonly rows: number;
    /** Tokens of a row. */
    readonly length: number;
    /** Passes whose gradients are summed before a step. */
    readonly accumulate: number;
  };
  readonly steps: number;
  readonly optimizer: OptimizerRecipe;
  readonly schedule: ScheduleRecipe;
  /** Recomputes each layer's activations in the backward pass: less memory, about a third more time. */
  readonly recompute: boolean;
  readonly train: TrainedWeights;
  readonly distill: DistillRecipe | undefined;
  /** KV heads after pooling; only `uptrain`. */
  readonly kvHeads: number | undefined;
  /** Only `retrofit`. */
  readonly method: MethodRecipe | undefined;
  readonly checkpoint: { readonly everySteps: number; readonly keep: number };
  readonly evaluate: {
    readonly everySteps: number;
    /** Held-out tokens scored each time. */
    readonly tokens: number;
    /** Recall questions asked each time; 0: none. */
    readonly recall: number;
  };
}

/** Where the weights come from. */
export type ModelSource =
  | { readonly from: string }
  | {
      /** Shape of a new model, fields of a Hugging Face `config.json`. */
      readonly config: Readonly<Record<string, unknown>>;
      /** Folder whose tokenizer the model uses. */
      readonly tokenizer: string;
    };

/** Which weights learn; the others stay as they are. */
export type TrainedWeights = "all" | "attention";

export interface DataRecipe {
  /** Token shards, text, jsonl or parquet files; globs are allowed. Files are taken in the order of their names. */
  readonly files: readonly string[];
  /** Field of jsonl, column of parquet files that holds the text. */
  readonly field: string;
  /** For prose in files that are no shards: one space for each run of blanks, no carriage returns. */
  readonly normalizeBlanks: boolean;
  /**
   * `windows`: rows begin anywhere in the stream and read on. `documents`: rows hold whole documents, and only one that is
   * longer than a row is cut.
   */
  readonly packing: "windows" | "documents";
  /** Tokens at the end of the stream that are never trained on. */
  readonly heldOut: number;
  /** Mixes recall tasks in. */
  readonly recall:
    | {
        /** Part of the rows, 0..1. */
        readonly fraction: number;
        /** Most facts stated before the questions. */
        readonly facts: number;
        /** Weight of answer tokens in the loss; all others weigh 1. */
        readonly answerWeight: number;
      }
    | undefined;
}

export interface OptimizerRecipe {
  /** AdamW: embeddings, norms, and everything that Muon does not take. */
  readonly adamw: {
    readonly learningRate: number;
    readonly betas: readonly [number, number];
    readonly epsilon: number;
    readonly weightDecay: number;
  };
  /** Muon for the matrices inside the layers; undefined: AdamW for all. In a retrofit the rows that decide stay with AdamW. */
  readonly muon: { readonly learningRate: number; readonly momentum: number; readonly weightDecay: number } | undefined;
  /** Times AdamW's learning rate: that of the rows of q and k that decide. */
  readonly decisionRate: number;
  /** Largest norm of all gradients together; Infinity: no clipping. */
  readonly clip: number;
}

export interface ScheduleRecipe {
  readonly kind: "constant" | "cosine" | "wsd";
  readonly warmupSteps: number;
  /** Last steps over which `wsd` falls linearly to `minimum`. */
  readonly decaySteps: number;
  /** Part of the learning rate that is left at the end. */
  readonly minimum: number;
}

export interface DistillRecipe {
  /** Weight of KL(teacher || student); the teacher is frozen and keeps its whole cache. */
  readonly weight: number;
  /** Weight of the plain cross-entropy beside it. */
  readonly crossEntropy: number;
  /** Model to learn from; undefined: the one that the run starts from. */
  readonly teacher: string | undefined;
}

export type MethodRecipe = DmcMethodRecipe | DmsMethodRecipe;

interface LearnedRatio {
  /** Compression ratio at the end of the ramp, tokens per entry. */
  readonly cr: number;
  readonly relaxation: "gumbel-sigmoid" | "straight-through" | "sigmoid";
  readonly temperature: number;
  /** Not with `sigmoid`: factor of the noise on the logits. */
  readonly noiseScale?: number;
  /** Only with `sigmoid`: the temperature falls geometrically from `from`, over this many steps after the blanking. */
  readonly annealing?: { readonly from: number; readonly steps: number };
  /** `layer`: all heads of a layer decide as one (DMC-C). */
  readonly granularity: "head" | "layer";
  readonly lossWeight: number;
  /** `sequence`: each row must reach the target; `global`: their mean. */
  readonly lossScope: "sequence" | "global";
  /** What rises evenly over the ramp: the ratio, the part of tokens that merge (1 - 1 / ratio), or the ratio's logarithm. */
  readonly rampRises: "ratio" | "merges" | "doublings";
  /** Steps of the three stages; their sum is the run's steps. */
  readonly stages: { readonly blank: number; readonly ramp: number; readonly solidify: number };
}

export interface DmcMethodRecipe extends LearnedRatio {
  readonly kind: "dmc";
  readonly neuron: "first" | "last";
  readonly offset: number;
  /** Tokens that an average reaches back to; null: whole segments. */
  readonly window: number | null;
}

export interface DmsMethodRecipe extends LearnedRatio {
  readonly kind: "dms";
  readonly neuron: "first" | "last";
  readonly offset: number;
  readonly logitScale: number;
  /** Tokens that an evicted token stays visible for. */
  readonly delay: number;
}
