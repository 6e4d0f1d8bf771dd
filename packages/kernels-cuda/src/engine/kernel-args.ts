/** Types that the structs in `native/kernels/args` are made of. Addresses and counts are 64 bits wide. */
export type FieldType = "address" | "count" | "long" | "int" | "float" | `long[${number}]` | `int[${number}]`;

/** Fields of a struct, in its order. */
export type Fields = Readonly<Record<string, FieldType>>;

/** Values of a struct's fields; fields that are left out are 0. */
export type ArgsOf<F extends Fields> = {
  readonly [Name in keyof F]?: F[Name] extends `${string}[${number}]` ? readonly number[] : number;
};

/** Packs the arguments of kernels into the struct that they take. */
export interface ArgsLayout<F extends Fields> {
  readonly fields: F;
  readonly bytes: number;
  /** Writes a struct to the start of `into`. */
  pack(values: ArgsOf<F>, into: DataView): void;
}

type Writer = (into: DataView, value: number | readonly number[]) => void;

/**
 * Lays out a struct with 8-byte members first, so that it has no gaps: members follow each other, and the whole is a multiple
 * of its largest member.
 */
export function argsLayout<F extends Fields>(fields: F): ArgsLayout<F> {
  let at = 0;
  let alignment = 4;
  const writers: [string, Writer][] = [];
  for (const [name, type] of Object.entries(fields)) {
    const [, base, length = "1"] = /^(\w+)(?:\[(\d+)\])?$/.exec(type) as unknown as [string, string, string?];
    const width = base === "int" || base === "float" ? 4 : 8;
    if (width === 8 && at % 8 !== 0) throw new Error(`field ${name}: 8-byte members come first`);
    alignment = Math.max(alignment, width);
    writers.push([name, writerOf(base, at, Number(length), type.endsWith("]"))]);
    at += width * Number(length);
  }
  const bytes = Math.ceil(at / alignment) * alignment;
  return {
    fields,
    bytes,
    pack: (values, into) => {
      for (let i = 0; i < bytes; i += 4) into.setInt32(i, 0, true);
      for (const [name, write] of writers) {
        const value = values[name] as number | readonly number[] | undefined;
        if (value !== undefined) write(into, value);
      }
    },
  };
}

function writerOf(base: string, at: number, length: number, isArray: boolean): Writer {
  const one = writeOne[base] as (into: DataView, at: number, value: number) => void;
  const width = base === "int" || base === "float" ? 4 : 8;
  if (!isArray) return (into, value) => one(into, at, value as number);
  return (into, values) => {
    const list = values as readonly number[];
    if (list.length > length) throw new Error(`${list.length} values for a field of ${length}`);
    for (let i = 0; i < list.length; i++) one(into, at + i * width, list[i] as number);
  };
}

const writeOne: Readonly<Record<string, (into: DataView, at: number, value: number) => void>> = {
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
