import { createHash } from "node:crypto";
import { KvfoldError } from "@kvfold/core";

/** What stands at the beginning of a token shard. */
export interface ShardHeader {
  /** Bits of a token: 16 while the vocabulary has at most 65,536 entries, else 32. */
  readonly bits: 16 | 32;
  /** Tokens in the shard. */
  readonly length: number;
  /** Largest id + 1 of the tokenizer that made it. */
  readonly vocabSize: number;
  /** Token that opens every document. */
  readonly beginId: number;
  readonly documents: number;
  /** SHA-256, hex, of the bytes of all source files in order. */
  readonly sourceSha256: string;
  /** SHA-256, hex, of the `tokenizer.json`. */
  readonly tokenizerSha256: string;
  /** SHA-256, hex, of the tokens' bytes; checked by `verify`, not at opening. */
  readonly tokensSha256: string;
}

/** `\r\n` shows a file that went through a text-mode copy, as in PNG. */
const MAGIC = Buffer.from("kvtok\r\n\x1a", "latin1");
const VERSION = 1;
/** Fields before the header's own check. */
const CHECKED_BYTES = 136;
/** Bytes before the first token; a multiple of 8, so that tokens of a mapped file are aligned. */
export const HEADER_BYTES = CHECKED_BYTES + 32;

/** The header's bytes, little-endian: magic, version, bits, length, vocabulary, begin token, documents, four SHA-256. */
export function encodeShardHeader(header: ShardHeader): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(header.bits, 12);
  bytes.writeBigUInt64LE(BigInt(header.length), 16);
  bytes.writeUInt32LE(header.vocabSize, 24);
  bytes.writeUInt32LE(header.beginId, 28);
  bytes.writeBigUInt64LE(BigInt(header.documents), 32);
  bytes.write(header.sourceSha256, 40, "hex");
  bytes.write(header.tokenizerSha256, 72, "hex");
  bytes.write(header.tokensSha256, 104, "hex");
  check(bytes).copy(bytes, CHECKED_BYTES);
  return bytes;
}

/**
 * @param head the first {@link HEADER_BYTES} of the file, or all of it when it is shorter
 * @param size bytes of the whole file
 * @param path for messages
 * @throws KvfoldError `shard-foreign`, `shard-version`, `shard-damaged`
 */
export function parseShardHeader(head: Uint8Array, size: number, path: string): ShardHeader {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (!bytes.subarray(0, 5).equals(MAGIC.subarray(0, 5))) {
    throw new KvfoldError("shard-foreign", `${path} is not a token shard; make one with tokenizeFiles.`);
  }
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) {
    throw damaged(path, bytes.length < HEADER_BYTES ? "it ends inside its header" : "it was copied as text");
  }
  const version = bytes.readUInt32LE(8);
  if (version !== VERSION) {
    throw new KvfoldError(
      "shard-version",
      `${path} is a token shard of version ${version}; this release reads version ${VERSION}. Make it anew from its sources.`,
    );
  }
  if (!check(bytes).equals(bytes.subarray(CHECKED_BYTES, HEADER_BYTES)))
    throw damaged(path, "its header is not as written");
  const bits = bytes.readUInt32LE(12) as 16 | 32;
  const length = Number(bytes.readBigUInt64LE(16));
  const expected = HEADER_BYTES + (length * bits) / 8;
  if (size !== expected) {
    throw damaged(path, `it has ${size} bytes where ${length} tokens of ${bits} bits make ${expected}`);
  }
  return {
    bits,
    length,
    vocabSize: bytes.readUInt32LE(24),
    beginId: bytes.readUInt32LE(28),
    documents: Number(bytes.readBigUInt64LE(32)),
    sourceSha256: bytes.toString("hex", 40, 72),
    tokenizerSha256: bytes.toString("hex", 72, 104),
    tokensSha256: bytes.toString("hex", 104, CHECKED_BYTES),
  };
}

function check(header: Buffer): Buffer {
  return createHash("sha256").update(header.subarray(0, CHECKED_BYTES)).digest();
}

export function damaged(path: string, what: string): KvfoldError {
  return new KvfoldError(
    "shard-damaged",
    `${path} is damaged: ${what}. Copy it again, or make it anew from its sources.`,
  );
}
