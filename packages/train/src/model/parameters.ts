import { KvfoldError } from "@kvfold/core";
import { type ModelConfig, Random, type TensorSource } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { parameterShapes } from "./parameter-shapes.js";

/** Looks a weight up by its Hugging Face name. */
export type Weights = (name: string) => tf.Tensor;

/** The float32 weights of a model in training, by Hugging Face name and layout. Owns its tensors. */
export class Parameters implements Disposable {
  readonly #tensors: Map<string, tf.Tensor>;

  private constructor(
    readonly config: ModelConfig,
    tensors: Map<string, tf.Tensor>,
  ) {
    this.#tensors = tensors;
  }

  /**
   * Reads all weights of a model, widened to float32.
   * @throws KvfoldError `weights-shape` when a tensor does not fit the config, `tensor-missing` when one is absent
   */
  static load(source: TensorSource, config: ModelConfig): Parameters {
    return Parameters.make(config, (name, shape) => {
      const found = source.info(name).shape;
      if (found.length !== shape.length || found.some((n, i) => n !== shape[i])) {
        throw new KvfoldError(
          "weights-shape",
          `${source.path}: tensor ${name} has shape [${found}], but the model's config asks for [${shape}].`,
        );
      }
      return source.readFloat32(name);
    });
  }

  /**
   * New weights: norms 1 (0 where the model adds 1), biases 0, the embedding table with standard deviation 0.02, matrices
   * with 1 / sqrt(inputs), halved where they write to the residual stream (o_proj, down_proj).
   */
  static initial(config: ModelConfig, seed: number): Parameters {
    const random = new Random(seed);
    return Parameters.make(config, (name, shape) => {
      const values = new Float32Array(tf.util.sizeFromShape([...shape]));
      if (name.endsWith(".bias")) return values;
      if (shape.length === 1) return values.fill(1 - config.normWeightOffset);
      const deviation = /embed_tokens|lm_head/.test(name)
        ? 0.02
        : (shape[1] as number) ** -0.5 * (/o_proj|down_proj/.test(name) ? 0.5 : 1);
      for (let i = 0; i < values.length; i++) values[i] = deviation * gaussian(random);
      return values;
    });
  }

  /** Weights from values by name, `[out, in]` row-major. */
  static make(config: ModelConfig, values: (name: string, shape: readonly number[]) => Float32Array): Parameters {
    const tensors = new Map<string, tf.Tensor>();
    try {
      for (const [name, shape] of parameterShapes(config)) {
        tensors.set(name, tf.keep(tf.tensor(values(name, shape), [...shape])));
      }
    } catch (error) {
      tf.dispose([...tensors.values()]);
      throw error;
    }
    return new Parameters(config, tensors);
  }

  get names(): string[] {
    return [...this.#tensors.keys()];
  }

  /** Number of trainable values. */
  get size(): number {
    return [...this.#tensors.values()].reduce((sum, tensor) => sum + tensor.size, 0);
  }

  /** @throws KvfoldError `parameter-missing` for a name that the model does not have */
  get = (name: string): tf.Tensor => {
    const tensor = this.#tensors.get(name);
    if (tensor) return tensor;
    throw new KvfoldError("parameter-missing", `This model has no weight ${name}; it has ${this.names.join(", ")}.`);
  };

  /** Puts another tensor of the same shape in a weight's place; the old one is freed, the new one belongs to this. */
  replace(name: string, tensor: tf.Tensor): void {
    this.get(name).dispose();
    this.#tensors.set(name, tf.keep(tensor));
  }

  dispose(): void {
    tf.dispose([...this.#tensors.values()]);
    this.#tensors.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Standard normal, by Box and Muller. */
function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
