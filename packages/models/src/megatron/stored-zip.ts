import { type ByteSource, KvfoldError, quoted } from "@kvfold/core";
import { findZipDirectory, type ZipDirectory } from "./zip-directory.js";
import { ZipFields } from "./zip-fields.js";

/** Bytes before the name in the directory, and in front of the data. */
const DIRECTORY_ENTRY = 46;
const LOCAL_HEADER = 30;
/** Stands in a 32-bit field whose value is in the zip64 extra field. */
const IN_ZIP64 = 0xffffffff;
const ZIP64_EXTRA = 1;
/** Flag bits that change nothing here: sizes after the data (3), names in UTF-8 (11). */
const HARMLESS_FLAGS = (1 << 3) | (1 << 11);

/** A file in an archive, uncompressed. */
export interface ZipEntry {
  readonly name: string;
  /** Where its bytes are in the archive. */
  readonly offset: number;
  readonly size: number;
  /** CRC-32 of the bytes; 0 when the writer computed none. */
  readonly crc: number;
}

/**
 * Lists a zip archive whose files are stored, as PyTorch writes it: uncompressed, on one disk, with or without zip64.
 * Nothing but the directory and the headers is read.
 *
 * @throws KvfoldError `torch-file-malformed` for anything else: compressed or encrypted files, names that leave the
 * archive, files that share bytes, sizes that disagree or reach beyond the file
 */
export function readStoredZip(source: ByteSource): ReadonlyMap<string, ZipEntry> {
  const fail = (what: string): never => {
    throw new KvfoldError("torch-file-malformed", `${source.path} is not a valid torch file: ${what}.`);
  };
  const directory = findZipDirectory(source, fail);
  const listed = readDirectory(source, directory, fail);
  const entries = new Map<string, ZipEntry>();
  let free = 0; // where the file before this one ends
  for (const { headerOffset, ...file } of listed.sort((a, b) => a.headerOffset - b.headerOffset)) {
    const offset = dataOffset(source, headerOffset, file, fail);
    if (headerOffset < free) fail(`${quoted(file.name)} overlaps the file before it`);
    free = offset + file.size;
    if (free > directory.offset) fail(`${quoted(file.name)} reaches into the archive's directory`);
    if (entries.has(file.name)) fail(`it has two files ${quoted(file.name)}`);
    entries.set(file.name, { ...file, offset });
  }
  return entries;
}

type Fail = (what: string) => never;
type Listed = Omit<ZipEntry, "offset"> & { readonly headerOffset: number };

function readDirectory(source: ByteSource, { offset, size, count }: ZipDirectory, fail: Fail): Listed[] {
  const bytes = new Uint8Array(size);
  source.readInto(offset, bytes);
  const fields = new ZipFields(bytes);
  const listed: Listed[] = [];
  for (let at = 0; listed.length < count; ) {
    if (at + DIRECTORY_ENTRY > size || fields.u32(at) !== 0x02014b50) fail("its directory is damaged");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => fields.u16(at + field)) as [
      number,
      number,
      number,
    ];
    const extra = at + DIRECTORY_ENTRY + nameLength;
    const next = extra + extraLength + commentLength;
    if (next > size) fail("its directory is damaged");
    const name = fields.text(at + DIRECTORY_ENTRY, nameLength);
    if (!isPlainName(name)) fail(`it has a file of the name ${quoted(name ?? "(not UTF-8)")}, which is refused`);
    listed.push(readEntry(fields, at, { name: name as string, extra, extraLength }, fail));
    at = next;
  }
  return listed;
}

function readEntry(
  fields: ZipFields,
  at: number,
  { name, extra, extraLength }: { name: string; extra: number; extraLength: number },
  fail: Fail,
): Listed {
  const flags = fields.u16(at + 8);
  if ((flags & ~HARMLESS_FLAGS) !== 0) fail(`${quoted(name)} is encrypted or patched (flags ${flags})`);
  const method = fields.u16(at + 10);
  if (method !== 0) {
    fail(
      `${quoted(name)} is compressed (method ${method}); PyTorch stores files as they are, so unpack and save it again`,
    );
  }
  const plain = [fields.u32(at + 24), fields.u32(at + 20), fields.u32(at + 42)]; // size, packed size, offset
  const wide = fields.extraField(ZIP64_EXTRA, extra, extraLength);
  let used = 0;
  const [size, packed, headerOffset] = plain.map((value) => {
    if (value !== IN_ZIP64) return value;
    if (wide === undefined || used + 8 > wide.length) return fail(`${quoted(name)} has no 64-bit size`);
    used += 8;
    return fields.u64(wide.at + used - 8) ?? fail(`${quoted(name)} has a size or place beyond 2^53`);
  }) as [number, number, number];
  if (size !== packed) fail(`${quoted(name)} says both ${size} and ${packed} bytes`);
  return { name, size, crc: fields.u32(at + 16), headerOffset };
}

/** Where the data begins: after the header in front of it, which must agree with the directory. */
function dataOffset(source: ByteSource, at: number, { name, size }: Omit<ZipEntry, "offset">, fail: Fail): number {
  const nameBytes = new TextEncoder().encode(name).length;
  const header = new Uint8Array(LOCAL_HEADER + nameBytes);
  if (at + header.length > source.size) fail(`${quoted(name)} lies beyond the end of the file (truncated?)`);
  source.readInto(at, header);
  const fields = new ZipFields(header);
  const agrees =
    fields.u32(0) === 0x04034b50 &&
    fields.u16(8) === 0 &&
    fields.u16(26) === nameBytes &&
    fields.text(LOCAL_HEADER, nameBytes) === name;
  if (!agrees) fail(`${quoted(name)} is not where its directory says (byte ${at})`);
  const stated = fields.u32(22);
  if (stated !== 0 && stated !== IN_ZIP64 && stated !== size) {
    fail(`${quoted(name)} has ${size} bytes in the directory, but ${stated} in its own header`);
  }
  const offset = at + header.length + fields.u16(28);
  if (size > source.size - offset) fail(`${quoted(name)} claims ${size} bytes, more than the file has (truncated?)`);
  return offset;
}

/** Relative, without `..`, backslashes, drive letters or control characters. Names only look files up, nothing is unpacked. */
function isPlainName(name: string | undefined): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (name === undefined || name.length > 1000 || /[\u0000-\u001f\\:]/.test(name)) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
