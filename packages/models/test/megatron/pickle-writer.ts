/** Test helper: pieces of a pickle of protocol 2. Each function gives the bytes that push one value. */
export type Pickled = Uint8Array;

const latin = (text: string): Pickled => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Bytes of several pieces, one after the other; strings stand for their code points (opcodes). */
export function bytes(...parts: readonly (Pickled | string)[]): Pickled {
  return new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === "string" ? latin(part) : part))));
}

/** A whole pickle: what it pushes, between PROTO and STOP. */
export const pickle = (value: Pickled): Pickled => bytes("\x80\x02", value, ".");

export const none: Pickled = bytes("N");

export const bool = (value: boolean): Pickled => bytes(value ? "\x88" : "\x89");

export const int = (value: number): Pickled => bytes("J", new Uint8Array(Int32Array.of(value).buffer));

/** BINUNICODE, whose length can be made to lie. */
export function str(text: string, length?: number): Pickled {
  const utf8 = new TextEncoder().encode(text);
  return bytes("X", new Uint8Array(Uint32Array.of(length ?? utf8.length).buffer), utf8);
}

export function float(value: number): Pickled {
  const out = new Uint8Array(9);
  out[0] = 0x47;
  new DataView(out.buffer).setFloat64(1, value, false);
  return out;
}

export const tuple = (...values: readonly Pickled[]): Pickled => bytes("(", ...values, "t");

export const list = (...values: readonly Pickled[]): Pickled => bytes("](", ...values, "e");

export const dict = (entries: Readonly<Record<string, Pickled>>): Pickled =>
  bytes("}(", ...Object.entries(entries).flatMap(([key, value]) => [str(key), value]), "u");

export const global = (module: string, name: string): Pickled => bytes(`c${module}\n${name}\n`);

export const call = (callable: Pickled, ...args: readonly Pickled[]): Pickled => bytes(callable, tuple(...args), "R");

export const namespace = (attributes: Readonly<Record<string, Pickled>>): Pickled =>
  bytes(global("argparse", "Namespace"), ")\x81", dict(attributes), "b");

/** How a tensor is written. */
export interface WrittenTensor {
  readonly key: string;
  readonly elements: number;
  readonly shape: readonly number[];
  readonly type?: string;
  readonly offset?: number;
  readonly strides?: readonly number[];
}

export function tensor({ key, elements, shape, type = "FloatStorage", offset = 0, strides }: WrittenTensor): Pickled {
  const steps = strides ?? shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const storage = bytes(tuple(str("storage"), global("torch", type), str(key), str("cpu"), int(elements)), "Q");
  const hooks = bytes(global("collections", "OrderedDict"), ")R");
  const rebuild = global("torch._utils", "_rebuild_tensor_v2");
  return call(rebuild, storage, int(offset), tuple(...shape.map(int)), tuple(...steps.map(int)), bool(false), hooks);
}
