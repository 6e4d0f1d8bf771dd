import { KvfoldError } from "../errors/kvfold-error.js";

/** Error for a tensor that is not there: names those of the file that are spelled most alike. */
export function missingTensor(path: string, name: string, available: Iterable<string>): KvfoldError {
  const names = [...available];
  const nearest = names
    .map((other) => ({ other, score: commonEnds(name, other) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, 3)
    .map(({ other }) => other);
  const hint =
    nearest.length === 0 ? "it holds no tensors" : `of its ${names.length} the nearest are ${nearest.join(", ")}`;
  return new KvfoldError("tensor-missing", `${path} has no tensor ${name}; ${hint}.`);
}

/** Length of the common start plus the common end. */
function commonEnds(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let start = 0;
  while (start < most && a[start] === b[start]) start++;
  let end = 0;
  while (end < most - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return start + end;
}

/** @throws KvfoldError `tensor-range` unless rows `[start, start + count)` exist */
export function checkRows(path: string, name: string, rows: number, start: number, count: number): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(count);
  if (!whole || start < 0 || count < 0 || start + count > rows) {
    throw new KvfoldError(
      "tensor-range",
      `${path}: tensor ${name} has rows 0 to ${rows - 1}; ${count} rows from ${start} on were asked for.`,
    );
  }
}

/** `into` when it fits, else a new array. @throws KvfoldError `tensor-size` */
export function targetArray(path: string, name: string, elements: number, into?: Float32Array): Float32Array {
  if (into === undefined) return new Float32Array(elements);
  if (into.length === elements) return into;
  throw new KvfoldError(
    "tensor-size",
    `${path}: ${elements} values of tensor ${name} do not fit an array of ${into.length}.`,
  );
}
