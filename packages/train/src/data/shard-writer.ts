import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { KvfoldError } from "@kvfold/core";
import { encodeShardHeader, HEADER_BYTES, type ShardHeader } from "./shard-header.js";

/** What is known before the first token is written. */
export type ShardOrigin = Pick<ShardHeader, "vocabSize" | "beginId" | "sourceSha256" | "tokenizerSha256">;

/**
 * Writes a token shard piece by piece into a temporary file beside it; {@link finish} gives it its name, so that nobody ever
 * meets half a shard. Disposing of a writer that was not finished removes the temporary file.
 */
export class ShardWriter implements Disposable {
  /** Tokens so far. */
  length = 0;
  /** Documents so far. */
  documents = 0;
  private readonly temporary: string;
  private readonly hash = createHash("sha256");
  private fd: number | undefined;

  /** @throws KvfoldError `file-unwritable` */
  constructor(
    private readonly path: string,
    private readonly origin: ShardOrigin,
  ) {
    this.temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
    this.guarded(() => {
      this.fd = openSync(this.temporary, "wx");
      this.write(new Uint8Array(HEADER_BYTES)); // the true one needs the count
    });
  }

  private get bits(): 16 | 32 {
    return this.origin.vocabSize <= 0x10000 ? 16 : 32;
  }

  /**
   * Opens a document: writes the begin token.
   * @throws KvfoldError `file-unwritable`
   */
  begin(): void {
    this.documents++;
    this.append([this.origin.beginId]);
  }

  /**
   * @param tokens ids below the vocabulary size
   * @throws KvfoldError `file-unwritable`, `token-id`
   */
  append(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) {
      const id = tokens[i] as number;
      if (id >= 0 && id < this.origin.vocabSize) continue;
      throw new KvfoldError("token-id", `Token ${id} is outside the vocabulary of ${this.origin.vocabSize}.`);
    }
    const words = this.bits === 16 ? Uint16Array.from(tokens) : Int32Array.from(tokens);
    const bytes = new Uint8Array(words.buffer);
    this.hash.update(bytes);
    this.guarded(() => this.write(bytes));
    this.length += tokens.length;
  }

  /**
   * Writes the header and gives the file its name.
   * @throws KvfoldError `file-unwritable`, `shard-empty` when there is no token
   */
  finish(): ShardHeader {
    if (this.length === 0) {
      throw new KvfoldError("shard-empty", `${this.path} would have no token: the sources hold no text.`);
    }
    const { length, documents, bits } = this;
    const header = { ...this.origin, bits, length, documents, tokensSha256: this.hash.digest("hex") };
    this.guarded(() => {
      writeSync(this.fd as number, encodeShardHeader(header), 0, HEADER_BYTES, 0);
      fsyncSync(this.fd as number);
      closeSync(this.fd as number);
      this.fd = undefined;
      renameSync(this.temporary, this.path);
    });
    return header;
  }

  [Symbol.dispose](): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
    rmSync(this.temporary, { force: true }); // already renamed when all went well
  }

  private write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.fd as number, bytes, done);
  }

  private guarded(action: () => void): void {
    try {
      action();
    } catch (cause) {
      this[Symbol.dispose]();
      throw new KvfoldError("file-unwritable", `Cannot write ${this.path}: ${(cause as Error).message}.`, { cause });
    }
  }
}
