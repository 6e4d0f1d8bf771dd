import { crc32 } from "node:zlib";

/** A file of a zip archive, with what its headers may say wrongly. */
export interface ZipFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly crc?: number;
  readonly flags?: number;
  readonly method?: number;
  /** Sizes in the directory: of the data, and packed. */
  readonly size?: number;
  readonly packed?: number;
  /** In its own header. */
  readonly localSize?: number;
  readonly localName?: string;
  /** Where the directory says that it begins. */
  readonly headerOffset?: number;
  /** Sizes and offset only in the zip64 field. */
  readonly wide?: boolean;
}

/** What the records at the end may say wrongly. */
export interface ZipEnd {
  readonly count?: number;
  readonly size?: number;
  readonly offset?: number;
  /** With the records of zip64, as PyTorch writes them. */
  readonly zip64?: boolean;
  /** The directory lists the files in this order. */
  readonly order?: readonly number[];
}

/** Test helper: a stored zip archive. */
export function zip(files: readonly ZipFile[], end: ZipEnd = {}): Uint8Array {
  const parts: Buffer[] = [];
  const headers: Buffer[] = [];
  let at = 0;
  const add = (part: Buffer) => {
    parts.push(part);
    at += part.length;
  };
  for (const file of files) {
    headers.push(directoryEntry(file, at));
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(file.flags ?? 0, 6);
    local.writeUInt16LE(file.method ?? 0, 8);
    local.writeUInt32LE(file.localSize ?? 0, 18);
    local.writeUInt32LE(file.localSize ?? 0, 22);
    const name = Buffer.from(file.localName ?? file.name);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(5, 28);
    add(Buffer.concat([local, name, Buffer.from("FB\x01\x00Z"), file.bytes]));
  }
  const ordered = (end.order ?? files.map((_, index) => index)).map((index) => headers[index] as Buffer);
  const directory = Buffer.concat(ordered);
  const stated = { count: files.length, size: directory.length, offset: at, ...end };
  add(directory);
  if (end.zip64) {
    const record = Buffer.alloc(56 + 20);
    record.writeUInt32LE(0x06064b50, 0);
    record.writeBigUInt64LE(BigInt(stated.count), 32);
    record.writeBigUInt64LE(BigInt(stated.size), 40);
    record.writeBigUInt64LE(BigInt(stated.offset), 48);
    record.writeUInt32LE(0x07064b50, 56);
    record.writeBigUInt64LE(BigInt(at), 64);
    add(record);
  }
  const last = Buffer.alloc(22);
  last.writeUInt32LE(0x06054b50, 0);
  last.writeUInt16LE(end.zip64 ? 0xffff : stated.count, 10);
  last.writeUInt32LE(end.zip64 ? 0xffffffff : stated.size, 12);
  last.writeUInt32LE(end.zip64 ? 0xffffffff : stated.offset, 16);
  add(last);
  return new Uint8Array(Buffer.concat(parts));
}

function directoryEntry(file: ZipFile, at: number): Buffer {
  const fixed = Buffer.alloc(46);
  const size = file.size ?? file.bytes.length;
  const [packed, offset] = [file.packed ?? size, file.headerOffset ?? at];
  fixed.writeUInt32LE(0x02014b50, 0);
  fixed.writeUInt16LE(file.flags ?? 0, 8);
  fixed.writeUInt16LE(file.method ?? 0, 10);
  fixed.writeUInt32LE(file.crc ?? crc32(file.bytes), 16);
  fixed.writeUInt32LE(file.wide ? 0xffffffff : packed, 20);
  fixed.writeUInt32LE(file.wide ? 0xffffffff : size, 24);
  fixed.writeUInt32LE(file.wide ? 0xffffffff : offset, 42);
  const name = Buffer.from(file.name);
  fixed.writeUInt16LE(name.length, 28);
  const extra = file.wide ? Buffer.alloc(28) : Buffer.alloc(0);
  if (file.wide) {
    extra.writeUInt16LE(24, 2);
    extra.writeUInt16LE(1, 0);
    [size, packed, offset].forEach((value, index) => {
      extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
    });
  }
  fixed.writeUInt16LE(extra.length, 30);
  return Buffer.concat([fixed, name, extra]);
}
