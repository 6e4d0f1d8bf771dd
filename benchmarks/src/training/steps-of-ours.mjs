// Child process: trains a recipe for a few steps and prints seconds a step, peak memory and losses as JSON.
//   node steps-of-ours.mjs RECIPE-AS-JSON
import { chooseBackend } from "@kvfold/core";
import { parseRecipe, train } from "@kvfold/train";

const { text, path } = JSON.parse(process.argv[2]);
const recipe = parseRecipe(text, { path });
const { detail } = await chooseBackend(recipe.precision === "float32" ? {} : { matmulPrecision: recipe.precision });
const seconds = [];
const losses = [];
const stop = new AbortController();
let before = performance.now();
const observe = (event) => {
  if (event.type !== "step") return;
  const now = performance.now();
  seconds.push((now - before) / 1000);
  before = now;
  losses.push(event.loss);
};
await train(recipe, { observers: [{ observe }], signal: stop.signal });
console.log(JSON.stringify({ detail, seconds, losses, maxRssBytes: process.resourceUsage().maxRSS * 1024 }));
