/** Plain members of the structs in `native/kernels/args`. Addresses and counts are unsigned 64-bit numbers. */
export type PlainType =
  | "address"
  | "count"
  | "long"
  | "int"
  | "float"
  | `address[${number}]`
  | `long[${number}]`
  | `int[${number}]`;

/** Fields of a struct, in its order; a field may be a struct of its own. */
export interface Fields {
  readonly [name: string]: PlainType | Fields;
}

/** Values of a struct's fields; fields that are left out are 0. */
export type ArgsOf<F extends Fields> = {
  readonly [Name in keyof F]?: F[Name] extends Fields
    ? ArgsOf<F[Name]>
    : F[Name] extends `${string}[${number}]`
      ? readonly number[]
      : number;
};

/** Packs the arguments of kernels into the struct that they take. */
export interface ArgsLayout<F extends Fields> {
  readonly fields: F;
  readonly bytes: number;
  /** Writes a struct to the start of `into`. */
  pack(values: ArgsOf<F>, into: DataView): void;
}

type Write = (into: DataView, value: never) => void;

/** Lays out a struct as C does: each member at a multiple of its size, the whole at a multiple of its largest. */
export function argsLayout<F extends Fields>(fields: F): ArgsLayout<F> {
  const { bytes, write } = structAt(fields, 0);
  return {
    fields,
    bytes,
    pack: (values, into) => {
      for (let i = 0; i < bytes; i += 4) into.setInt32(i, 0, true);
      write(into, values as never);
    },
  };
}

function structAt(fields: Fields, start: number): { bytes: number; alignment: number; write: Write } {
  let at = start;
  let alignment = 4;
  const writers: [string, Write][] = [];
  for (const [name, type] of Object.entries(fields)) {
    const { width } = typeof type === "string" ? plain(type) : { width: structAt(type, 0).alignment };
    at = Math.ceil(at / width) * width;
    alignment = Math.max(alignment, width);
    const member = typeof type === "string" ? plainAt(type, at) : structAt(type, at);
    writers.push([name, member.write]);
    at += member.bytes;
  }
  const write = (into: DataView, values: Readonly<Record<string, never>>) => {
    for (const [name, writeMember] of writers) {
      const value = values[name];
      if (value !== undefined) writeMember(into, value);
    }
  };
  return { bytes: Math.ceil((at - start) / alignment) * alignment, alignment, write: write as Write };
}

function plain(type: PlainType): { base: string; width: number; length: number | undefined } {
  const [, base, length] = /^(\w+)(?:\[(\d+)\])?$/.exec(type) as unknown as [string, string, string?];
  const width = base === "int" || base === "float" ? 4 : 8;
  return { base, width, length: length === undefined ? undefined : Number(length) };
}

function plainAt(type: PlainType, at: number): { bytes: number; write: Write } {
  const { base, width, length } = plain(type);
  const one = writers[base] as (into: DataView, at: number, value: number) => void;
  if (length === undefined) return { bytes: width, write: (into, value) => one(into, at, value) };
  const write = (into: DataView, values: readonly number[]) => {
    if (values.length > length) throw new RangeError(`${values.length} values for a field of ${length}`);
    for (let i = 0; i < values.length; i++) one(into, at + i * width, values[i] as number);
  };
  return { bytes: width * length, write: write as Write };
}

const writers: Readonly<Record<string, (into: DataView, at: number, value: number) => void>> = {
  address: writeWide,
  count: writeWide,
  long: writeWide,
  int: (into, at, value) => into.setInt32(at, value, true),
  float: (into, at, value) => into.setFloat32(at, value, true),
};

/** A whole number of magnitude below 2^53, as 64 bits. */
function writeWide(into: DataView, at: number, value: number): void {
  into.setUint32(at, value >>> 0, true);
  into.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
}
