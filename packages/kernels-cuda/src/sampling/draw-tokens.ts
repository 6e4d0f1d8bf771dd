import type { TokenDraw, TokenDrawer } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_sample", {
  logits: "address",
  options: "address",
  seen: "address",
  tokens: "address",
  vocab: "int",
});

/** `sampleThreads` and `sampleSharedBytes` of native/kernels/args/sample.h. */
const threads = 1024;
const sharedBytes = 2048 * 12;
/** Bytes of `SamplingRow` there. */
const rowBytes = 24;

/** Draws a token for each row on the device; only ids come back. */
export const drawTokens: TokenDrawer = async (logits, draws) => {
  const backend = tf.backend() as CudaBackend;
  const { engine } = backend;
  const [rows, vocab] = logits.shape;
  if (rows === 0) return new Int32Array(0);
  const words = Math.ceil(vocab / 32);
  const penalised = draws.some(({ seen }) => seen !== undefined);
  const options = backend.scratch(rows * rowBytes);
  const seen = penalised ? backend.scratch(4 * rows * words) : undefined;
  const tokens = backend.scratch(4 * rows);
  try {
    engine.upload(options.address, optionsOf(draws));
    if (seen !== undefined) {
      const bits = new Int32Array(rows * words);
      draws.forEach((draw, row) => {
        bits.set(draw.seen ?? [], row * words);
      });
      engine.upload(seen.address, bits);
    }
    const addresses = { logits: backend.address(logits), options: options.address, tokens: tokens.address };
    const shape = { grid: [rows], block: [threads], sharedBytes } as const;
    engine.launch(kernel, { ...addresses, seen: seen?.address ?? 0, vocab }, shape);
    return new Int32Array(await engine.downloadAsync(tokens.address, 4 * rows));
  } finally {
    for (const block of [options, seen, tokens]) if (block !== undefined && !engine.disposed) engine.pool.give(block);
  }
};

/** `SamplingRow` of each row. */
function optionsOf(draws: readonly TokenDraw[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(draws.length * rowBytes));
  draws.forEach((draw, row) => {
    const at = row * rowBytes;
    const { temperature, topP, minP, repetitionPenalty } = draw;
    for (const [i, value] of [temperature, topP, minP, repetitionPenalty].entries()) {
      view.setFloat32(at + 4 * i, value, true);
    }
    view.setInt32(at + 16, draw.topK, true);
    view.setUint32(at + 20, draw.random, true);
  });
  return new Uint8Array(view.buffer);
}
