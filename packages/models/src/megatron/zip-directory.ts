import type { ByteSource } from "@kvfold/core";
import { ZipFields } from "./zip-fields.js";

const END_RECORD = 22;
const ZIP64_LOCATOR = 20;
const ZIP64_END = 56;
/** Directories of real checkpoints stay under 1 MB. */
const MAX_DIRECTORY_BYTES = 32 * 2 ** 20;
const LEAST_ENTRY_BYTES = 46;

/** Where a zip archive lists its files. */
export interface ZipDirectory {
  readonly offset: number;
  readonly size: number;
  /** Files in all. */
  readonly count: number;
}

/** Finds the directory through the record that ends the file. @param fail throws the caller's error */
export function findZipDirectory(source: ByteSource, fail: (what: string) => never): ZipDirectory {
  const fieldsAt = (offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    source.readInto(offset, bytes);
    return new ZipFields(bytes);
  };
  const noArchive =
    "it does not end as a zip archive does (truncated? files of PyTorch before 1.6 must be saved again by a newer one)";
  if (source.size < END_RECORD) fail(noArchive);
  const endOffset = source.size - END_RECORD;
  const end = fieldsAt(endOffset, END_RECORD);
  if (end.u32(0) !== 0x06054b50 || end.u16(20) !== 0) fail(noArchive);
  if (end.u16(4) !== 0 || end.u16(6) !== 0) fail("it is one of several disks of an archive");
  let directory: { offset?: number | undefined; size?: number | undefined; count?: number | undefined } = {
    offset: end.u32(16),
    size: end.u32(12),
    count: end.u16(10),
  };
  let limit = endOffset;
  const locatorOffset = endOffset - ZIP64_LOCATOR;
  const locator = locatorOffset >= ZIP64_END ? fieldsAt(locatorOffset, ZIP64_LOCATOR) : undefined;
  if (locator?.u32(0) === 0x07064b50) {
    const at = locator.u64(8);
    if (at === undefined || at > locatorOffset - ZIP64_END) return fail("its zip64 record lies outside the file");
    const wide = fieldsAt(at, ZIP64_END);
    if (wide.u32(0) !== 0x06064b50) fail("its zip64 record is damaged");
    const plain = directory;
    directory = { offset: wide.u64(48), size: wide.u64(40), count: wide.u64(32) };
    const differs = (narrow: number | undefined, value: number | undefined, none: number) =>
      narrow !== none && narrow !== value;
    if (
      differs(plain.offset, directory.offset, 0xffffffff) ||
      differs(plain.size, directory.size, 0xffffffff) ||
      differs(plain.count, directory.count, 0xffff)
    ) {
      fail("its two end records disagree");
    }
    limit = at;
  }
  const { offset, size, count } = directory;
  if (offset === undefined || size === undefined || count === undefined || offset + size > limit) {
    return fail("its directory lies outside the file");
  }
  if (size > MAX_DIRECTORY_BYTES) fail(`its directory has ${size} bytes; at most ${MAX_DIRECTORY_BYTES} are accepted`);
  if (count * LEAST_ENTRY_BYTES > size) fail(`its directory of ${size} bytes claims ${count} files`);
  return { offset, size, count };
}
