import { openModelFiles } from "@kvfold/models";

/** Some plain English that is in no data set: what counts is that all engines score the same tokens. */
const TEXT = `The ferry left the harbour a little after six, when the fog had thinned enough for the captain to see the
second buoy. Most of the passengers stayed inside, close to the heater, and only the old botanist stood at the rail with a
notebook in his coat. He was counting gulls. Every spring for thirty years he had counted them from this boat, on this
morning, and every spring his wife had told him that nobody would ever read the numbers. She was wrong about that: a student
in Bergen had written to him in March, asking whether he would send her the first ten years.`;

/**
 * Whether the engines compute the same model: mean negative log-likelihood (nats a token) of a text, and how often the likeliest
 * next token is the one of the first engine, which is llama.cpp. Its tokenizer, made from the file, must give the same tokens.
 */
export async function agreement(engines, modelFile) {
  const files = await openModelFiles(modelFile);
  const tokens = [...(await files.tokenizer()).encode(TEXT)];
  files.source.close();
  const theirs = await engines[0].call("tokenize", TEXT);
  if (theirs.join() !== tokens.join()) {
    throw new Error(`llama.cpp reads other tokens from the file than kvfold:\n${theirs}\n${tokens}`);
  }
  const scores = [];
  for (const engine of engines) scores.push(await engine.call("score", tokens));
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  return scores.map(({ nll, top }) => ({
    tokens: nll.length,
    nll: mean(nll),
    top1: mean(top.map((token, i) => (token === scores[0].top[i] ? 1 : 0))),
    largestNllDifference: Math.max(...nll.map((value, i) => Math.abs(value - scores[0].nll[i]))),
  }));
}
