import { Rope } from "@kvfold/core";
import { attention, type CachePolicy, KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";

const [vocab, layers, heads, headDim] = [64, 3, 4, 16];
const hidden = heads * headDim;
const rope = new Rope({ headDim, rotaryDim: headDim, theta: 10000, maxPositions: 512, scaling: { type: "none" } });

/** A small transformer with random weights, written without kvfold's models: only `attention` comes from there. */
export class OwnModel {
  private readonly weights = new Map<string, tf.Tensor2D>();

  /** Logits after the last token, `[vocab]`. */
  forward(cache: KvCache, tokens: readonly number[]): tf.Tensor1D {
    return tf.tidy(() => {
      let x = tf.gather(this.weight("embedding", vocab, hidden), tf.tensor1d([...tokens], "int32")) as tf.Tensor2D;
      for (let layer = 0; layer < layers; layer++) {
        const normed = rmsNorm(x);
        const project = (name: string) =>
          splitHeads(tf.matMul(normed, this.weight(`${layer}.${name}`, hidden, hidden)));
        // the whole of the cache is this call: rotation, writing, eviction or merging, and what may be seen
        const attended = attention(cache.layer(layer), { q: project("q"), k: project("k"), v: project("v"), rope });
        x = tf.add(x, tf.matMul(joinHeads(attended), this.weight(`${layer}.out`, hidden, hidden)));
        const inner = tf.relu(tf.matMul(rmsNorm(x), this.weight(`${layer}.up`, hidden, 2 * hidden)));
        x = tf.add(x, tf.matMul(inner, this.weight(`${layer}.down`, 2 * hidden, hidden)));
      }
      const last = tf.slice(rmsNorm(x), [tokens.length - 1, 0], [1, -1]);
      return tf.squeeze(tf.matMul(last, this.weight("head", hidden, vocab)), [0]) as tf.Tensor1D;
    });
  }

  /** A cache of this model's shape: the only place that knows the policy. */
  createCache(policy: CachePolicy): KvCache {
    return new KvCache({ policy, layers, queryHeads: heads, kvHeads: heads, headDim });
  }

  /** Random weights, made when they are first asked for; the seed comes from the name. */
  private weight(name: string, rows: number, columns: number): tf.Tensor2D {
    const known = this.weights.get(name);
    if (known) return known;
    const seed = [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 1e6;
    const made = tf.keep(tf.randomNormal<tf.Rank.R2>([rows, columns], 0, 1.5 / Math.sqrt(rows), "float32", seed));
    this.weights.set(name, made);
    return made;
  }

  dispose(): void {
    tf.dispose([...this.weights.values()]);
    this.weights.clear();
    rope.dispose();
  }
}

const rmsNorm = (x: tf.Tensor2D): tf.Tensor2D => tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), 1, true), 1e-6)));
const splitHeads = (x: tf.Tensor2D) =>
  tf.expandDims(tf.transpose(tf.reshape(x, [-1, heads, headDim]), [1, 0, 2]), 0) as tf.Tensor4D;
const joinHeads = (x: tf.Tensor4D) =>
  tf.reshape(tf.transpose(tf.squeeze(x, [0]), [1, 0, 2]), [-1, hidden]) as tf.Tensor2D;
