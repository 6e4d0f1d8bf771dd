import { KvfoldError, type StorageType, storageTypes } from "@kvfold/core";
import { refuseOverflow } from "./converted-tensors.js";

/** Values that are read, packed and handed out at a time. */
const PIECE_VALUES = 1 << 20;

/** A tensor's rows, as float32. */
export interface RowReader {
  readonly name: string;
  readonly rows: number;
  readonly rowValues: number;
  /** Fills `into` with rows from `start` on. */
  read(start: number, count: number, into: Float32Array): void;
}

/**
 * Packs a tensor a few megabytes at a time.
 * @throws KvfoldError `storage-not-finite` that names the tensor when a value does not fit `format`
 */
export function* packedRows(reader: RowReader, format: StorageType): Generator<Uint8Array> {
  const { name, rows, rowValues } = reader;
  const step = Math.max(1, Math.floor(PIECE_VALUES / rowValues));
  const buffer = new Float32Array(Math.min(step, rows) * rowValues);
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const values = buffer.subarray(0, count * rowValues);
    reader.read(row, count, values);
    if (format === storageTypes.f16) refuseOverflow(name, values);
    yield pack(name, format, values);
  }
}

function pack(name: string, format: StorageType, values: Float32Array): Uint8Array {
  try {
    return format.pack(values);
  } catch (cause) {
    if (!KvfoldError.isInstance(cause)) throw cause;
    throw new KvfoldError(cause.code, `Tensor ${name}: ${cause.message}`, { cause });
  }
}
