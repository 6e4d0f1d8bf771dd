import { damageBytes, damageField, join, truncate } from "./damage-bytes.js";
import { damageJson, damageNumber } from "./damage-json.js";
import type { Random } from "./random.js";
import type { Source } from "./sources.js";

/** Where a file was damaged. */
export type Place = "header" | "length or offset" | "text" | "data" | "end";

/** A damaged file, and where. */
export interface Damaged {
  readonly bytes: Uint8Array;
  readonly place: Place;
}

/** Damages a file in the ways its kind invites. */
export function damageFile({ kind, bytes, headerEnd, directory }: Source, random: Random): Damaged {
  if (kind === "safetensors") return damageSafetensors(bytes, headerEnd, random);
  if (kind === "gguf") return damageGguf(bytes, headerEnd, random);
  if (kind === "torch") return damageTorch(bytes, headerEnd, directory ?? 0, random);
  return damageText(bytes, random);
}

function damageSafetensors(bytes: Uint8Array, headerEnd: number, random: Random): Damaged {
  const header = () => Buffer.from(bytes.subarray(8, headerEnd)).toString();
  const roll = random.next();
  if (roll < 0.3)
    return { place: "length or offset", bytes: withHeader(bytes, headerEnd, damageNumber(header(), random)) };
  if (roll < 0.55) return { place: "header", bytes: withHeader(bytes, headerEnd, damageJson(header(), random)) };
  if (roll < 0.65) return { place: "length or offset", bytes: damageField(bytes, 0, 8, random) };
  return damageAnyBinary(bytes, headerEnd, random);
}

function damageGguf(bytes: Uint8Array, headerEnd: number, random: Random): Damaged {
  if (random.next() < 0.6) return { place: "length or offset", bytes: damageField(bytes, 0, headerEnd, random) };
  return damageAnyBinary(bytes, headerEnd, random);
}

/** The pickle is at the start of a torch file, its directory at the end. */
function damageTorch(bytes: Uint8Array, pickleEnd: number, directory: number, random: Random): Damaged {
  const roll = random.next();
  if (roll < 0.35) return { place: "header", bytes: damageBytes(bytes, 0, pickleEnd, random) };
  if (roll < 0.5) return { place: "length or offset", bytes: damageField(bytes, 0, pickleEnd, random) };
  if (roll < 0.7) return { place: "length or offset", bytes: damageField(bytes, directory, bytes.length, random) };
  if (roll < 0.85) return { place: "header", bytes: damageBytes(bytes, directory, bytes.length, random) };
  return damageAnyBinary(bytes, pickleEnd, random);
}

function damageAnyBinary(bytes: Uint8Array, headerEnd: number, random: Random): Damaged {
  const roll = random.next();
  if (roll < 0.5) return { place: "header", bytes: damageBytes(bytes, 0, headerEnd, random) };
  if (roll < 0.65) return { place: "header", bytes: truncate(bytes, 0, headerEnd, random) };
  if (roll < 0.8) return { place: "data", bytes: damageBytes(bytes, headerEnd, bytes.length, random) };
  if (roll < 0.9) return { place: "end", bytes: truncate(bytes, headerEnd, bytes.length, random) };
  return { place: "end", bytes: join(bytes, new Uint8Array(1 + random.below(100))) };
}

function damageText(bytes: Uint8Array, random: Random): Damaged {
  const text = Buffer.from(bytes).toString();
  const encode = (damaged: string) => new TextEncoder().encode(damaged);
  const roll = random.next();
  if (roll < 0.6) return { place: "text", bytes: encode(damageJson(text, random)) };
  if (roll < 0.75) return { place: "text", bytes: encode(damageNumber(text, random)) };
  if (roll < 0.95) return { place: "text", bytes: damageBytes(bytes, 0, bytes.length, random) };
  return { place: "end", bytes: truncate(bytes, 0, bytes.length, random) };
}

/** The same file with another header text, and the length that fits it. */
function withHeader(bytes: Uint8Array, headerEnd: number, header: string): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = new Uint8Array(BigUint64Array.of(BigInt(text.length)).buffer);
  return join(length, text, bytes.subarray(headerEnd));
}
