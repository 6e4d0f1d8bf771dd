import { loadavg } from "node:os";
import { spreadText } from "../spread.mjs";

const WIDTHS = [6, 26, 18, 18, 10, 8, 8, 8, 9, 6];

export function printHead(format, agreements, rows) {
  console.log(
    `\n${format}: nats a token over ${agreements[0].tokens} tokens, and share of llama.cpp's likeliest tokens`,
  );
  rows.forEach((row, i) => {
    const { nll, top1, largestNllDifference } = agreements[i];
    const difference = i === 0 ? "" : `   largest difference of a token ${largestNllDifference.toFixed(3)}`;
    console.log(`  ${row.padEnd(26)} ${nll.toFixed(4)}  ${top1.toFixed(3)}${difference}`);
  });
  console.log("\ntokens a second, median (least-most) of the rounds; x: share of llama.cpp's in the same round");
  line("depth", "row", "prefill 512", "decode", "best 10%", "x pre", "x dec", "x best", "cache MiB", "load");
}

export function print(
  depth,
  { row, prefill, decode, decodeLeast, prefillRatio, decodeRatio, decodeLeastRatio, cache },
) {
  line(
    String(depth),
    row,
    spreadText(prefill, 0),
    spreadText(decode, 1),
    decodeLeast.toFixed(1),
    prefillRatio.median.toFixed(2),
    decodeRatio.median.toFixed(2),
    decodeLeastRatio.toFixed(2),
    cache === undefined ? "" : (cache.liveBytes / 2 ** 20).toFixed(1),
    loadavg()[0].toFixed(1),
  );
}

function line(...columns) {
  console.log(columns.map((text, i) => (i === 1 ? text.padEnd(WIDTHS[i]) : text.padStart(WIDTHS[i]))).join(" "));
}
