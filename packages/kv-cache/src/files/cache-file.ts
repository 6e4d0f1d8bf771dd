import { KvfoldError } from "@kvfold/core";

/** Name and version of the file format; a reader refuses other versions. */
const cacheFormat = { format: "kvfold-cache", version: 1 } as const;

/** Sizes of the model that a cache belongs to. */
export interface CacheShape {
  readonly layers: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** What a cache file says beside its tensors. */
export interface CacheHeader extends CacheShape {
  /** Name of the policy that made the entries. */
  readonly policy: string;
  /** Storage of closed entries in the cache that was saved; the file holds float32. */
  readonly codec: string;
  /** Logical tokens of each row. */
  readonly tokens: readonly number[];
  /** Entries of each lane, `[layer][row * kvHeads + head]`. */
  readonly lengths: readonly (readonly number[])[];
  /** CRC-32 of all tensors. */
  readonly checksum: number;
}

/** Name of a layer's tensor in the file. */
export function tensorName(layer: number, name: string): string {
  return `layers.${layer}.${name}`;
}

/** The header as safetensors metadata, which holds strings. */
export function writeHeader(header: CacheHeader): Record<string, string> {
  return {
    format: cacheFormat.format,
    version: `${cacheFormat.version}`,
    ...Object.fromEntries(
      Object.entries(header).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
  };
}

/**
 * Reads and checks the metadata of a cache file.
 *
 * @throws KvfoldError `cache-file` when it is none, of another version, or its numbers cannot be
 */
export function readHeader(path: string, metadata: Readonly<Record<string, string>>): CacheHeader {
  if (metadata.format !== cacheFormat.format) {
    throw refusal(path, `it is no ${cacheFormat.format} file (its format is ${quote(metadata.format)})`);
  }
  if (metadata.version !== `${cacheFormat.version}`) {
    throw refusal(
      path,
      `it has version ${quote(metadata.version)} of the format, and this release reads version ${cacheFormat.version}`,
    );
  }
  const size = (name: string) => numberOf(path, metadata, name, 1, 1 << 20);
  const kvHeads = size("kvHeads");
  const tokens = countsOf(path, "tokens", parse(path, metadata, "tokens"));
  const layers = size("layers");
  const lengths = parse(path, metadata, "lengths");
  if (!Array.isArray(lengths) || lengths.length !== layers) throw damaged(path, "lengths");
  const header = {
    layers,
    queryHeads: size("queryHeads"),
    kvHeads,
    headDim: size("headDim"),
    policy: textOf(path, metadata, "policy"),
    codec: textOf(path, metadata, "codec"),
    tokens,
    lengths: lengths.map((lanes) => countsOf(path, "lengths", lanes)),
    checksum: numberOf(path, metadata, "checksum", 0, 0xffffffff),
  };
  const fits = header.lengths.every(
    (lanes) =>
      lanes.length === tokens.length * kvHeads &&
      lanes.every((length, lane) => length <= (tokens[Math.floor(lane / kvHeads)] ?? 0)),
  );
  if (!fits || header.queryHeads % kvHeads !== 0) throw damaged(path, fits ? "queryHeads" : "lengths");
  return header;
}

/** Error for a file that cannot be loaded. */
export function refusal(path: string, what: string): KvfoldError {
  return new KvfoldError("cache-file", `Cannot load the cache ${path}: ${what}.`);
}

function damaged(path: string, name: string): KvfoldError {
  return refusal(path, `its ${name} is damaged; save the cache again`);
}

function textOf(path: string, metadata: Readonly<Record<string, string>>, name: string): string {
  const text = metadata[name];
  if (text === undefined) throw refusal(path, `it does not state its ${name}`);
  return text;
}

function parse(path: string, metadata: Readonly<Record<string, string>>, name: string): unknown {
  try {
    return JSON.parse(textOf(path, metadata, name));
  } catch (error) {
    if (KvfoldError.isInstance(error)) throw error;
    throw damaged(path, name);
  }
}

function numberOf(
  path: string,
  metadata: Readonly<Record<string, string>>,
  name: string,
  least: number,
  most: number,
): number {
  const value = parse(path, metadata, name);
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) throw damaged(path, name);
  return value as number;
}

function countsOf(path: string, name: string, value: unknown): number[] {
  const isCount = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!Array.isArray(value) || !value.every(isCount)) throw damaged(path, name);
  return value as number[];
}

function quote(text: string | undefined): string {
  return text === undefined ? "missing" : `'${text.slice(0, 40)}'`;
}
