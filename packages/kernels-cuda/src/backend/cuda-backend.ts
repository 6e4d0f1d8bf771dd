import type { ReadIntoBackend } from "@kvfold/core";
import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import { type BackendValues, backend_util, type DataType, type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { CudaEngine } from "../engine/cuda-engine.js";
import type { Block, PoolFigures } from "../engine/memory-pool.js";
import { CudaStepRecorder } from "./step-recorder.js";
import { type DeviceDtype, elementBytes, TensorData } from "./tensor-data.js";

/** A new tensor of the backend, and the device memory to fill. */
export interface Output {
  readonly info: TensorInfo;
  readonly address: number;
  /** Elements. */
  readonly length: number;
}

/**
 * The TensorFlow.js backend `cuda`: the JavaScript CPU backend, whose kernels work on it as they are, with values that lie on
 * the device wherever a kernel of the device made or read them.
 */
export class CudaBackend extends MathBackendCPU implements ReadIntoBackend {
  readonly engine: CudaEngine;
  /** Records decoding steps. */
  readonly recorder: CudaStepRecorder;

  constructor(engine: CudaEngine) {
    super();
    this.engine = engine;
    this.recorder = new CudaStepRecorder(engine, ({ dataId }) => this.#get(dataId));
  }

  /** A new tensor on the device, with any content, to be filled by the kernel that asks for it. */
  output(shape: number[], dtype: DeviceDtype = "float32"): Output {
    const length = util.sizeFromShape(shape);
    const block = this.engine.pool.take(Math.max(length * elementBytes(dtype), 4));
    const dataId = {};
    this.#set(dataId, new TensorData(this.engine, dtype, 1, block, length));
    return { info: { dataId, shape, dtype }, address: block.address, length };
  }

  /** Where the values of a tensor lie on the device; they are brought there when they do not. */
  address({ dataId }: TensorInfo): number {
    const data = this.#get(dataId);
    if (this.recorder.recording && data.onHost && !this.recorder.isStranger(dataId)) {
      return this.engine.apart(() => data.address);
    }
    return data.address;
  }

  /** The values of a tensor that lies on the host; undefined when reading them would wait for the device. */
  hostValues({ dataId }: TensorInfo): BackendValues | undefined {
    const data = this.#get(dataId);
    return data.onHost ? data.values : undefined;
  }

  /** Memory for the duration of a kernel; give it back with `engine.pool.give`. */
  scratch(bytes: number): Block {
    return this.engine.pool.take(Math.max(bytes, 4), "scratch");
  }

  /** The same values under another shape; the caller owns the result. */
  reshaped({ dataId, dtype }: TensorInfo, shape: number[]): TensorInfo {
    this.incRef(dataId);
    return { dataId, shape, dtype };
  }

  override write(values: BackendValues, _shape: number[], dtype: DataType): object {
    const dataId = {};
    this.#set(dataId, new TensorData(this.engine, dtype, 1, values));
    this.recorder.wrote(dataId);
    return dataId;
  }

  override move(id: object, values: BackendValues, _shape: number[], dtype: DataType, refCount: number): void {
    this.#set(id, new TensorData(this.engine, dtype, refCount, values));
    this.recorder.wrote(id);
  }

  override readSync(id: object): BackendValues {
    this.recorder.refuse("it reads values of tensors");
    return super.readSync(id);
  }

  override async read(id: object): Promise<BackendValues> {
    this.recorder.refuse("it reads values of tensors");
    const data = this.#get(id);
    if (data.complexTensorInfos === undefined)
      return util.convertBackendValuesAndArrayBuffer(await data.read(), data.dtype);
    const { real, imag } = data.complexTensorInfos;
    const parts = await Promise.all([this.read(real.dataId), this.read(imag.dataId)]);
    return backend_util.mergeRealAndImagArrays(parts[0] as Float32Array, parts[1] as Float32Array);
  }

  /** Copies the values of a float32 tensor. */
  readInto(id: object, target: Float32Array): void {
    const data = this.#get(id);
    if (data.onHost) {
      this.recorder.refuse("it reads values of tensors");
      target.set(data.values as Float32Array);
    } else this.engine.download(data.address, target);
  }

  override disposeData(id: object, force = false): boolean {
    const data = this.data.has(id) ? this.#get(id) : undefined;
    const gone = super.disposeData(id, force);
    if (gone) data?.release();
    return gone;
  }

  /** What the device takes for the kernels of `f`. */
  override async time(f: () => void): Promise<{ kernelMs: number }> {
    return { kernelMs: this.engine.time(f) };
  }

  override memory(): { unreliable: boolean; reasons: string[] } & PoolFigures {
    return { unreliable: false, reasons: [], ...this.engine.pool.figures };
  }

  override dispose(): void {
    this.engine.dispose();
  }

  #get(id: object): TensorData {
    return this.data.get(id) as unknown as TensorData;
  }

  #set(id: object, data: TensorData): void {
    this.data.set(id, data as unknown as Parameters<typeof this.data.set>[1]);
  }
}
