import { ConfigFields } from "../config/config-fields.js";
import { byteLevelBytes } from "./byte-level-alphabet.js";
import { TOKENIZER_ERROR } from "./tokenizer-json.js";
import { flattenStages } from "./tokenizer-stages.js";

/** How a vocabulary writes bytes: the part of a `tokenizer.json` decoder that acts on single tokens. */
export interface TokenSpelling {
  /** Bytes of one ordinary token. */
  bytes(token: string): Uint8Array;
  /** True: one space at the start of the whole text is not part of it. */
  readonly stripsLeadingSpace: boolean;
}

const utf8 = new TextEncoder();
const DECODERS = ["ByteLevel", "Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"] as const;

/**
 * Spelling rules from the decoder stages: byte-level (GPT-2 alphabet) or SentencePiece (`▁` for a space, `<0x0A>` for a byte).
 *
 * @throws KvfoldError for decoders of other tokenizer families
 */
export function readTokenSpelling(decoder: unknown): TokenSpelling {
  const replacements: [string, string][] = [];
  let byteLevel = false;
  let byteFallback = false;
  let stripsLeadingSpace = false;
  for (const stage of flattenStages(decoder, "decoder", "decoders")) {
    const fields = new ConfigFields(stage, "tokenizer.json: decoder", TOKENIZER_ERROR);
    switch (fields.choice("type", undefined, DECODERS)) {
      case "ByteLevel":
        byteLevel = true;
        break;
      case "ByteFallback":
        byteFallback = true;
        break;
      case "Replace":
        replacements.push([fields.nested("pattern").string("String", undefined), fields.string("content", undefined)]);
        break;
      case "Metaspace":
        replacements.push([fields.string("replacement", "▁"), " "]);
        stripsLeadingSpace =
          fields.choice("prepend_scheme", "always", ["always", "first", "never"]) !== "never" &&
          fields.boolean("add_prefix_space", true);
        break;
      case "Strip":
        if (fields.string("content", " ") !== " " || fields.integer("stop", 0, { min: 0, max: 0 }) !== 0)
          fields.fail("content", "may only strip a space at the start");
        stripsLeadingSpace = fields.integer("start", 0, { min: 0, max: 1 }) === 1;
        break;
      case "Fuse":
        break;
    }
  }
  if (replacements.some(([from]) => from === "")) replacements.length = 0;
  return {
    stripsLeadingSpace,
    bytes: byteLevel
      ? (token) => byteLevelBytes(token) ?? utf8.encode(token)
      : (token) => (byteFallback ? fallbackByte(token) : undefined) ?? utf8.encode(replaceAll(token, replacements)),
  };
}

function fallbackByte(token: string): Uint8Array | undefined {
  const match = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
  return match?.[1] === undefined ? undefined : Uint8Array.of(Number.parseInt(match[1], 16));
}

function replaceAll(token: string, replacements: readonly [string, string][]): string {
  return replacements.reduce((text, [from, to]) => text.replaceAll(from, to), token);
}
