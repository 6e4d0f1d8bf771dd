import type { Random } from "./random.js";

type Json = Record<string, unknown> | unknown[];

/** Values that parsers forget about. */
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  -0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 53 + 2,
  1e308,
  -1e308,
  "",
  "x",
  "\u0000",
  "\ud800",
  "__proto__",
  "../../etc/passwd",
  "F32",
  "BF16",
  "(a+)+$",
  "[",
  "x".repeat(5000),
  [],
  [[]],
  [0],
  [-1],
  [1e20, 1e20],
  {},
  { a: 1 },
];

/** Damages a JSON text in 1 to 3 places: odd values, missing, renamed or doubled keys, changed numbers. */
export function damageJson(text: string, random: Random): string {
  const root = JSON.parse(text) as Json;
  for (let n = 1 + random.below(3); n > 0; n--) damageNode(root, random);
  const out = JSON.stringify(root);
  const roll = random.next();
  if (roll < 0.04) return out.replace(/\d+/, "1e999"); // JSON can say infinity
  if (roll < 0.06) return `${"[".repeat(50_000)}${out}`;
  if (roll < 0.08) return `${'{"a":'.repeat(2000)}${out}${"}".repeat(2000)}`;
  return out;
}

/** Replaces one number of a text by one that breaks sums, products and comparisons: lengths and offsets, mostly. */
export function damageNumber(text: string, random: Random): string {
  const numbers = [...text.matchAll(/-?\d+/g)];
  if (numbers.length === 0) return text;
  const match = random.pick(numbers);
  const value = Number(match[0]);
  const changed = random.pick([
    value + 1,
    value - 1,
    value * 2,
    -value,
    value + 2 ** 31,
    value * 2 ** 32,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 63,
    0,
    1e30,
    value + 0.5,
  ]);
  const written = Number.isInteger(changed) ? BigInt(changed).toString() : String(changed);
  return text.slice(0, match.index) + written + text.slice(match.index + match[0].length);
}

/** Walks down at random and changes one entry. */
function damageNode(root: Json, random: Random): void {
  let node = root;
  for (;;) {
    const keys = Object.keys(node);
    if (keys.length === 0) return;
    const key = random.pick(keys);
    const child = (node as Record<string, unknown>)[key];
    if (typeof child === "object" && child !== null && Object.keys(child).length > 0 && random.next() < 0.8) {
      node = child as Json;
      continue;
    }
    change(node, key, random);
    return;
  }
}

function change(node: Json, key: string, random: Random): void {
  const object = node as Record<string, unknown>;
  const value = object[key];
  switch (random.below(6)) {
    case 0:
      delete object[key];
      return;
    case 1:
      if (Array.isArray(node)) node.push(structuredClone(value));
      else object[`${key}x`] = value;
      return;
    case 2:
      object[key] = structuredClone(object[random.pick(Object.keys(node))]); // two entries alike
      return;
    case 3:
      object[key] = typeof value === "number" ? value * random.pick([-1, 1000, 2 ** 31, 1.5]) : [value];
      return;
    default:
      object[key] = structuredClone(random.pick(ODD_VALUES));
  }
}
