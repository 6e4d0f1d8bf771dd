import { type KvCache, type RecordedStep, type Step, type StepRecorder, stepRecorder } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { atOnce, type Parts, turnMs } from "./parts.js";

/** What a {@link DecodeRecording} needs of its decoder. */
export interface RecordableDecoder {
  /** Rows of the embedding table, `[ids.length, hidden]`, scaled. */
  embed(ids: Int32Array): Float32Array;
  /** One token for each row of the step through all layers and the head: `[rows, hidden]` to `[rows, vocab]`. */
  decode(x: tf.Tensor2D, cache: KvCache, step: Step): Parts<tf.Tensor2D>;
}

type State =
  | { readonly kind: "seen" }
  | { readonly kind: "recorded"; readonly step: RecordedStep; readonly x: tf.Tensor2D; readonly logits: tf.Tensor2D }
  | { readonly kind: "refused"; readonly reason: string };

/** Recordings in a row that were of no use, after which there are no more: they cost more than a step does. */
const mostMisses = 8;

/**
 * Decoding steps of one cache and one choice of its rows. The first runs as usual, the second is recorded where the
 * backend and the policy allow it, and all others replay that one without JavaScript between their kernels. The logits are
 * the same in each of the three ways.
 */
export class DecodeRecording {
  private state: State | undefined;
  private ids = new Int32Array();
  /** Recordings since the last replay. */
  private misses = 0;
  private readonly key: string;

  private constructor(
    private readonly decoder: RecordableDecoder,
    private readonly cache: KvCache,
    key: string,
  ) {
    this.key = key;
  }

  /** The recording that a cache keeps for a decoder; a new one when its rows, or the backend, have changed. */
  static of(decoder: RecordableDecoder, cache: KvCache, rows: readonly number[]): DecodeRecording {
    const key = `${tf.getBackend()}:${rows}`;
    const kept = cache.kept(decoder);
    if (kept instanceof DecodeRecording && kept.key === key) return kept;
    const made = new DecodeRecording(decoder, cache, key);
    cache.keep(decoder, made);
    return made;
  }

  /**
   * @param whole true when nobody waits for a turn of the event loop
   * @returns logits `[rows, vocab]`
   */
  *run(ids: Int32Array<ArrayBuffer>, step: Step, whole: boolean): Parts<tf.Tensor2D> {
    this.ids = ids;
    if (this.state?.kind === "recorded") {
      const { logits, step: recorded } = this.state;
      const parts = whole ? undefined : recorded.replayInParts?.(step, turnMs);
      if (parts === undefined ? recorded.replay(step) : yield* parts) {
        this.cache.replayed(step);
        this.misses = 0;
        return copyOf(logits);
      }
      this.dispose();
      this.state =
        this.misses < mostMisses
          ? { kind: "seen" }
          : { kind: "refused", reason: "memory of the cache moves all the time" };
    }
    const recorder = this.state?.kind === "seen" ? stepRecorder() : undefined;
    if (recorder) return yield* this.record(recorder, step, whole);
    this.state ??= this.cache.recordable
      ? { kind: "seen" }
      : { kind: "refused", reason: "its policy reads tensors on the host" };
    const x = this.input();
    try {
      return yield* this.decoder.decode(x, this.cache, step);
    } finally {
      x.dispose();
    }
  }

  dispose(): void {
    if (this.state?.kind !== "recorded") return;
    const { step, x, logits } = this.state;
    step.dispose();
    tf.dispose([x, logits]);
    this.state = undefined;
  }

  private *record(recorder: StepRecorder, step: Step, whole: boolean): Parts<tf.Tensor2D> {
    const x = tf.keep(this.input());
    let logits: tf.Tensor2D;
    recorder.begin();
    try {
      recorder.input(x, () => this.decoder.embed(this.ids));
      const parts = this.decoder.decode(x, this.cache, step);
      logits = tf.keep(
        whole || !recorder.pause ? atOnce(parts) : yield* betweenPauses(parts, recorder.pause.bind(recorder)),
      );
    } catch (error) {
      recorder.cancel();
      x.dispose();
      throw error;
    }
    const recorded = recorder.end();
    if ("reason" in recorded) {
      const more = recorded.again === true && ++this.misses < mostMisses;
      if (!more) this.state = { kind: "refused", reason: recorded.reason };
      x.dispose();
      const result = copyOf(logits);
      logits.dispose();
      return result;
    }
    this.misses++;
    this.state = { kind: "recorded", step: recorded, x, logits };
    return copyOf(logits);
  }

  private input(): tf.Tensor2D {
    const values = this.decoder.embed(this.ids);
    return tf.tensor2d(values, [this.ids.length, values.length / this.ids.length]);
  }
}

/** The parts, recorded; what others compute between them is not. */
function* betweenPauses<T>(parts: Parts<T>, pause: () => () => void): Parts<T> {
  for (;;) {
    const next = parts.next();
    if (next.done) return next.value;
    const resume = pause();
    let failure: { readonly error: unknown } | undefined;
    try {
      yield;
    } catch (error) {
      failure = { error };
    }
    resume();
    if (failure) parts.throw(failure.error);
  }
}

/** The next step writes its logits where these are; what is handed out stays. */
function copyOf(logits: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.mul(logits, 1)); // in the backend's own memory: 50,000 numbers by way of JavaScript cost 0.1 ms
}
