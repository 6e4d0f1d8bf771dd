import type { BackendValues, DataType, TensorInfo } from "@tensorflow/tfjs-core";
import type { CudaEngine } from "../engine/cuda-engine.js";
import type { Block } from "../engine/memory-pool.js";

/** What lies on the device: numbers, not texts, and no pairs of numbers. */
export type DeviceDtype = "float32" | "int32" | "bool";

/** Bytes of an element on the device. */
export function elementBytes(dtype: DataType): 1 | 4 {
  return dtype === "bool" ? 1 : 4;
}

/**
 * The values of a tensor: on the host until a kernel of the device wants them, then on the device. JavaScript kernels read
 * `values` of either.
 */
export class TensorData {
  readonly dtype: DataType;
  refCount: number;
  complexTensorInfos?: { readonly real: TensorInfo; readonly imag: TensorInfo };
  readonly #engine: CudaEngine;
  #host: BackendValues | undefined;
  #block: Block | undefined;
  #length: number;

  constructor(engine: CudaEngine, dtype: DataType, refCount: number, values: BackendValues | Block, length?: number) {
    this.#engine = engine;
    this.dtype = dtype;
    this.refCount = refCount;
    if (length === undefined) this.#host = values as BackendValues;
    else this.#block = values as Block;
    this.#length = length ?? (values as BackendValues)?.length ?? 0;
  }

  /** The values on the host; a copy when they lie on the device. */
  get values(): BackendValues {
    if (this.#block === undefined) return this.#host as BackendValues;
    const values = arrayFor(this.dtype, this.#length);
    this.#engine.download(this.#block.address, values);
    return values;
  }

  /** True when there is nothing to wait for. */
  get onHost(): boolean {
    return this.#block === undefined;
  }

  /** The values on the host, without stopping the thread while the device works. */
  async read(): Promise<BackendValues> {
    if (this.#block === undefined) return this.#host as BackendValues;
    const { address } = this.#block;
    const buffer = await this.#engine.downloadAsync(address, this.#length * elementBytes(this.dtype));
    return arrayFor(this.dtype, this.#length, buffer);
  }

  /** Address of the values on the device; the first call brings them there, and the host's copy is dropped. */
  get address(): number {
    if (this.#block === undefined) {
      const values = typed(this.dtype, this.#host as BackendValues);
      this.#length = values.length;
      this.#block = this.#engine.pool.take(Math.max(values.byteLength, 4));
      this.#engine.upload(this.#block.address, values);
      this.#host = undefined;
    }
    return this.#block.address;
  }

  /** Moves values of the host to memory that has them already. */
  placeAt(block: Block): void {
    this.#block = block;
    this.#host = undefined;
  }

  /** Gives the memory back. */
  release(): void {
    if (this.#block !== undefined && !this.#engine.disposed) this.#engine.pool.give(this.#block);
    this.#block = undefined;
    this.#host = undefined;
  }
}

type Values = Float32Array | Int32Array | Uint8Array;

function arrayFor(dtype: DataType, length: number, buffer = new ArrayBuffer(length * elementBytes(dtype))): Values {
  if (dtype === "float32") return new Float32Array(buffer, 0, length);
  return dtype === "int32" ? new Int32Array(buffer, 0, length) : new Uint8Array(buffer, 0, length);
}

/** A few JavaScript kernels leave plain arrays, or floats for whole numbers. */
function typed(dtype: DataType, values: BackendValues): Values {
  const list = values as ArrayLike<number>;
  if (dtype === "float32") return values instanceof Float32Array ? values : Float32Array.from(list);
  if (dtype === "int32") return values instanceof Int32Array ? values : Int32Array.from(list);
  return values instanceof Uint8Array ? values : Uint8Array.from(list);
}
