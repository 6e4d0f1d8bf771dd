import { expect, it } from "vitest";
import { borrowedChannel } from "./borrowed-channel.js";
import { parseConfig } from "./parse-config.js";

const retrofitOf = (kvfold: object) =>
  parseConfig({
    model_type: "llama",
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    vocab_size: 8,
    kvfold,
  }).retrofit;

it("is one of all heads for DMC, of the first query heads for DMS", () => {
  expect(borrowedChannel(retrofitOf({ method: "dmc" }), 0, 16)).toEqual({ channel: 15, queries: "all", keys: true });
  expect(borrowedChannel(retrofitOf({ method: "dms", delay: 8, neuron: "first" }), 0, 16)).toEqual({
    channel: 0,
    queries: "first-of-group",
    keys: false,
  });
});

it("is none in plain models and in layers that were left alone", () => {
  expect(borrowedChannel(undefined, 0, 16)).toBeUndefined();
  const retrofit = retrofitOf({ method: "dmc", layers: [1] });
  expect([0, 1, 2].map((layer) => borrowedChannel(retrofit, layer, 16)?.channel)).toEqual([undefined, 15, undefined]);
});
