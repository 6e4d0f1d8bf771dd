// results.jsonl of run-all as summary.json and summary.md: node summarize.mjs FOLDER
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseResults, summarize, summaryText } from "./summary.mjs";

const folder = process.argv[2];
const summary = summarize(parseResults(readFileSync(join(folder, "results.jsonl"), "utf8")));
const text = summaryText(summary);
writeFileSync(join(folder, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
writeFileSync(join(folder, "summary.md"), text);
console.log(text);
