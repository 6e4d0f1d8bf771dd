import { createHash } from "node:crypto";
import { type ByteSource, memorySource, openFileSource, packedSupport, viewOrRead } from "@kvfold/core";
import { damaged, HEADER_BYTES, parseShardHeader, type ShardHeader } from "./shard-header.js";
import { checkTokens, type TokenStream } from "./token-stream.js";

/** An open `*.kvtok` file. */
export interface TokenShard extends TokenStream, ShardHeader, Disposable {
  readonly path: string;
  /**
   * Reads all tokens and compares them with the header's SHA-256 (about a second a gigabyte).
   * @throws KvfoldError `shard-damaged`
   */
  verify(): void;
  close(): void;
}

/** Bytes that `verify` takes at a time. */
const PIECE_BYTES = 1 << 20;

/**
 * Opens a token shard: mapped into memory where the current backend can map files (`native`), else read by range. Only the
 * header is read and checked.
 *
 * @throws KvfoldError `shard-foreign`, `shard-version`, `shard-damaged`, `file-unreadable`
 */
export function openShard(path: string): TokenShard {
  const source = openSource(path);
  try {
    const head = viewOrRead(source, 0, Math.min(HEADER_BYTES, source.size));
    const header = parseShardHeader(head, source.size, path);
    const width = header.bits / 8;
    const read = reader(source, header);
    const close = () => source.close();
    return {
      ...header,
      path,
      read(start, target) {
        checkTokens(header, start, target.length);
        read(start, target);
      },
      verify() {
        const hash = createHash("sha256");
        for (let at = HEADER_BYTES; at < source.size; at += PIECE_BYTES) {
          hash.update(viewOrRead(source, at, Math.min(PIECE_BYTES, source.size - at)));
        }
        if (hash.digest("hex") !== header.tokensSha256) {
          throw damaged(path, `its ${header.length} tokens of ${width} bytes are not those that were written`);
        }
      },
      close,
      [Symbol.dispose]: close,
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

function openSource(path: string): ByteSource {
  const map = packedSupport()?.mapFile;
  if (map === undefined) return openFileSource(path);
  const mapped = map(path);
  return memorySource(mapped.bytes, path, () => mapped.dispose());
}

/** Reads are small and the system keeps the file's pages, so that ranges are read as they are asked for. */
function reader(source: ByteSource, { bits }: ShardHeader): (start: number, target: Int32Array) => void {
  const width = bits / 8;
  const Words = bits === 16 ? Uint16Array : Int32Array;
  let scratch = new Words(0);
  return (start, target) => {
    const bytes = target.length * width;
    const offset = HEADER_BYTES + start * width;
    if (source.view) {
      const view = source.view(offset, bytes);
      target.set(new Words(view.buffer as ArrayBuffer, view.byteOffset, target.length));
      return;
    }
    if (scratch.length < target.length) scratch = new Words(target.length);
    source.readInto(offset, new Uint8Array(scratch.buffer, 0, bytes));
    target.set(scratch.subarray(0, target.length));
  };
}
