// llama.cpp through node-llama-cpp: node llama-engine.mjs {"file", "threads", "chunk"}
// Measured as llama-bench does: whole batches through llama_decode, logits of the last token computed, nothing sampled. That is
// the binding's own entry to llama.cpp (`_ctx`, one llama_decode a call), below its queue and its samplers.
import { getLlama, getModuleVersion, LlamaLogLevel } from "node-llama-cpp";
import { milliseconds, scoreRows, serve, tokensAt } from "./engine-process.mjs";

const { file, threads, chunk } = JSON.parse(process.argv[2]);
const llama = await getLlama({
  gpu: false,
  build: "never",
  skipDownload: true,
  maxThreads: threads,
  logLevel: LlamaLogLevel.error,
});
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
const contexts = new Map();

async function createContext(tokens) {
  const context = await model.createContext({
    contextSize: tokens,
    batchSize: chunk,
    flashAttention: true,
    threads: { ideal: threads, min: threads },
  });
  context._ctx.setThreads(threads);
  if (context._ctx.getThreads() !== threads) throw new Error(`llama.cpp took ${context._ctx.getThreads()} threads`);
  return context;
}

async function decode({ _ctx: context }, start, count) {
  context.initBatch(count);
  context.addToBatch(0, start, tokensAt(start, count, vocabulary), Uint32Array.of(count - 1));
  await context.decodeBatch();
}

const moduleVersion = await getModuleVersion();

serve({
  describe: () => ({
    engine: "llama.cpp",
    settings: { flashAttention: true, cache: "f16", threads, chunk },
    versions: {
      "node-llama-cpp": moduleVersion,
      "llama.cpp": llama.llamaCppRelease.release,
    },
    system: llama.systemInfo.trim(),
  }),
  async prepare(depth, room) {
    const context = await createContext(depth + room);
    for (let at = 0; at < depth; at += chunk) await decode(context, at, Math.min(chunk, depth - at));
    contexts.set(depth, context);
  },
  async measure(depth, prefill, steps) {
    const context = contexts.get(depth);
    const back = () => context._ctx.removeTokenCellsFromSequence(0, depth, -1);
    const prefillMs = await milliseconds(() => decode(context, depth, prefill));
    back();
    const stepsMs = [];
    for (let i = 0; i < steps; i++) stepsMs.push(await milliseconds(() => decode(context, depth + i, 1)));
    back();
    return { prefillMs, stepsMs };
  },
  tokenize(text) {
    const tokens = [...model.tokenize(text)];
    const begins = model.fileInfo.metadata.tokenizer.ggml.add_bos_token ? [model.tokens.bos] : []; // llama.cpp's own rule
    return [...begins, ...tokens];
  },
  async score(tokens) {
    const context = await createContext(tokens.length + chunk);
    const sequence = context.getSequence();
    const everything = { temperature: 1, topK: 0, topP: 1, minP: 0 }; // else improbable tokens are cut off
    const generateNext = { token: true, logits: true, options: everything };
    const results = await sequence.controlledEvaluate(tokens.slice(0, -1).map((token) => [token, { generateNext }]));
    await context.dispose();
    const rows = results.map(({ next }) => {
      const row = new Float32Array(vocabulary);
      for (const [token, logit] of next.logits) row[token] = logit;
      return row;
    });
    return scoreRows(rows, tokens);
  },
  async release(depth) {
    await contexts.get(depth).dispose();
    contexts.delete(depth);
  },
});
