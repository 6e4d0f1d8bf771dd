import { crc32 } from "node:zlib";
import { type ByteSource, KvfoldError, openFileSource, quoted } from "@kvfold/core";
import type { PickleValue } from "./pickle-values.js";
import { readPickle } from "./read-pickle.js";
import { readStoredZip, type ZipEntry } from "./stored-zip.js";
import { TORCH_DTYPE_BYTES, type TorchDtype, type TorchTensor } from "./torch-tensor.js";

/** With optimizer and random states real ones stay under 10 MB. */
const MAX_PICKLE_BYTES = 32 * 2 ** 20;

/** Where the elements of a tensor are in its file: row after row, without gaps, inside it. */
export interface LocatedTensor {
  readonly shape: readonly number[];
  readonly dtype: TorchDtype;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A file that `torch.save` wrote. */
export interface TorchFile {
  readonly path: string;
  /** What was saved; tensors are references, see {@link TorchFile.locate}. */
  readonly root: PickleValue;
  /**
   * Finds a tensor's elements.
   * @param name for messages
   * @throws KvfoldError `torch-file-malformed` when its storage is missing, has another size than stated, or is too small;
   * `megatron-unsupported` when its elements are not in order
   */
  locate(name: string, tensor: TorchTensor): LocatedTensor;
  /** Fills `target` with the bytes of the file from `byteOffset` on. */
  readInto(byteOffset: number, target: Uint8Array): void;
  close(): void;
}

/**
 * Opens a file of `torch.save` (PyTorch 1.6 or newer). Only its pickle is read, as data; tensors are read by range.
 *
 * @param source a path (Node.js) or bytes (`memorySource`)
 * @throws KvfoldError `file-unreadable`, `torch-file-malformed` or `pickle-refused`
 */
export function openTorchFile(source: string | ByteSource): TorchFile {
  const bytes = typeof source === "string" ? openFileSource(source) : source;
  try {
    return torchFile(bytes);
  } catch (error) {
    bytes.close();
    throw error;
  }
}

function torchFile(source: ByteSource): TorchFile {
  const { path } = source;
  const malformed = (what: string): never => {
    throw new KvfoldError("torch-file-malformed", `${path} is not a valid torch file: ${what}.`);
  };
  const entries = readStoredZip(source);
  const pickles = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) return malformed(`it has ${pickles.length} files data.pkl, not one`);
  const folder = pickle.name.slice(0, -"data.pkl".length);
  const read = ({ offset, size }: ZipEntry) => {
    const bytes = new Uint8Array(size);
    source.readInto(offset, bytes);
    return bytes;
  };
  const order = entries.get(`${folder}byteorder`);
  if (order !== undefined && (order.size > 8 || new TextDecoder().decode(read(order)) !== "little")) {
    malformed("its numbers are not little-endian; load and save it again on a little-endian machine");
  }
  if (pickle.size > MAX_PICKLE_BYTES) {
    malformed(`its data.pkl has ${pickle.size} bytes; at most ${MAX_PICKLE_BYTES} are accepted`);
  }
  const bytes = read(pickle);
  if (pickle.crc !== 0 && crc32(bytes) !== pickle.crc) malformed("its data.pkl does not have the stated checksum");
  return {
    path,
    root: readPickle(bytes, path),
    locate: (name, tensor) => locate(path, name, tensor, entries.get(`${folder}data/${tensor.storage.key}`)),
    readInto: (byteOffset, target) => source.readInto(byteOffset, target),
    close: () => source.close(),
  };
}

function locate(path: string, name: string, tensor: TorchTensor, entry: ZipEntry | undefined): LocatedTensor {
  const { storage, offset, shape, elements } = tensor;
  const fail = (what: string, code = "torch-file-malformed"): never => {
    throw new KvfoldError(code, `${path}: tensor ${quoted(name)} ${what}.`);
  };
  if (entry === undefined) return fail(`is in the file data/${storage.key}, which the archive lacks`);
  const itemBytes = TORCH_DTYPE_BYTES[storage.dtype];
  if (entry.size !== storage.elements * itemBytes) {
    fail(
      `is in a storage of ${storage.elements} ${storage.dtype} elements, but data/${storage.key} has ${entry.size} bytes`,
    );
  }
  if (elements > storage.elements - offset) {
    fail(`needs ${elements} elements from ${offset} on, but its storage has ${storage.elements}`);
  }
  if (!tensor.contiguous) fail("does not lie row after row; save a .contiguous() copy", "megatron-unsupported");
  const byteOffset = entry.offset + offset * itemBytes;
  return { shape, dtype: storage.dtype, byteOffset, byteLength: elements * itemBytes };
}
