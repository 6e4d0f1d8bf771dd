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
