// A minimal reader for tar streams: regular files only, with ustar prefixes, GNU long names and pax paths.
const block = 512;

/**
 * Yields the regular files of a tar stream as `{ name, size, body }`. Each body must be read to its end before the next
 * file is asked for, or is skipped.
 *
 * @param {AsyncIterable<Uint8Array>} stream
 */
export async function* tarFiles(stream) {
  const source = new Source(stream);
  let longName;
  for (;;) {
    const header = await source.take(block);
    if (header === undefined || header[0] === 0) return;
    const size = Number.parseInt(text(header, 124, 12), 8) || 0;
    const padded = Math.ceil(size / block) * block;
    const type = String.fromCharCode(header[156]);
    if (type === "L" || type === "x") {
      const value = new TextDecoder().decode((await source.take(padded)).subarray(0, size));
      longName = type === "L" ? value.replace(/\0.*$/s, "") : (/ path=([^\n]*)\n/.exec(value)?.[1] ?? longName);
      continue;
    }
    const prefix = text(header, 345, 155);
    const name = longName ?? (prefix === "" ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`);
    longName = undefined;
    const body = source.stream(size);
    if (type === "0" || type === "\0") yield { name, size, body };
    for await (const _ of body); // what the caller left unread
    await source.take(padded - size);
  }
}

function text(header, start, length) {
  return new TextDecoder().decode(header.subarray(start, start + length)).replace(/\0.*$/s, "");
}

/** Cuts an async stream of chunks into pieces of asked sizes. */
class Source {
  #chunks;
  #rest = new Uint8Array(0);

  constructor(stream) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** At most `size` bytes, at least one; undefined at the end of the stream. */
  async #some(size) {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return undefined;
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /** Exactly `size` bytes; undefined when the stream ends first. */
  async take(size) {
    const bytes = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      const piece = await this.#some(size - filled);
      if (piece === undefined) return undefined;
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes;
  }

  async *stream(size) {
    for (let left = size; left > 0; ) {
      const piece = await this.#some(left);
      if (piece === undefined) throw new Error("the tar stream ends inside a file");
      left -= piece.length;
      yield piece;
    }
  }
}
