import type { ReadIntoBackend } from "@kvfold/core";
import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type * as tf from "@tensorflow/tfjs-core";
import { util } from "@tensorflow/tfjs-core";
import { BufferPool } from "./buffer-pool.js";
import type { Elements, NativeAddon } from "./native-addon.js";
import { NativeStepRecorder } from "./step-recorder.js";

/** A new tensor of the backend, and the memory to fill. */
export interface Output<Values> {
  readonly info: tf.TensorInfo;
  /** Any content until the kernel writes it. */
  readonly values: Values;
}

/**
 * The TensorFlow.js backend `native`: the JavaScript CPU backend, whose kernels work on it as they are, with pooled
 * memory for the outputs of native kernels. Memory goes back to the pool when the last tensor that uses it is disposed;
 * what leaves the backend is copied, and so is pooled memory that comes in again through a JavaScript kernel.
 */
export class NativeBackend extends MathBackendCPU implements ReadIntoBackend {
  /** The addon's entry points. */
  readonly addon: NativeAddon;
  /** Records decoding steps. */
  readonly recorder: NativeStepRecorder;
  readonly #pool: BufferPool;

  constructor(addon: NativeAddon) {
    super();
    this.addon = addon;
    this.#pool = new BufferPool(addon);
    this.recorder = new NativeStepRecorder(addon, this.#pool, (tensor) =>
      tensor.dtype === "int32" ? this.ints(tensor) : this.floats(tensor),
    );
  }

  /** A new float32 tensor in pooled memory, to be filled by the kernel that asks for it. */
  output(shape: number[]): Output<Float32Array> {
    const length = util.sizeFromShape(shape);
    const values = new Float32Array(this.#take(4 * length), 0, length);
    return { info: this.#register(values, shape, "float32"), values };
  }

  /** A new int32 tensor in pooled memory, to be filled by the kernel that asks for it. */
  outputInts(shape: number[]): Output<Int32Array> {
    const length = util.sizeFromShape(shape);
    const values = new Int32Array(this.#take(4 * length), 0, length);
    return { info: this.#register(values, shape, "int32"), values };
  }

  /** A new bool tensor in pooled memory, to be filled with 0 and 1 by the kernel that asks for it. */
  outputBytes(shape: number[]): Output<Uint8Array> {
    const length = util.sizeFromShape(shape);
    const values = new Uint8Array(this.#take(length), 0, length);
    return { info: this.#register(values, shape, "bool"), values };
  }

  /** A new tensor of any type that {@link elements} takes. */
  outputOf(dtype: tf.DataType, shape: number[]): Output<Elements> {
    if (dtype === "float32") return this.output(shape);
    return dtype === "int32" ? this.outputInts(shape) : this.outputBytes(shape);
  }

  /** Memory for the duration of a kernel; give it back with {@link release}. */
  scratch(length: number): Float32Array {
    return new Float32Array(this.#take(4 * length), 0, length);
  }

  /** Takes memory of {@link scratch} back. */
  release(values: Float32Array): void {
    this.#give(values.buffer as ArrayBuffer);
  }

  /** The values of a float32 tensor, without a copy; valid while the tensor lives. */
  floats(info: tf.TensorInfo): Float32Array {
    const { values } = this.data.get(info.dataId);
    return values instanceof Float32Array ? values : Float32Array.from(this.#plain(values));
  }

  /** The values of an int32 tensor, without a copy; valid while the tensor lives. */
  ints(info: tf.TensorInfo): Int32Array {
    const { values } = this.data.get(info.dataId);
    return values instanceof Int32Array ? values : Int32Array.from(this.#plain(values));
  }

  /** The values of a bool tensor, without a copy; valid while the tensor lives. */
  bytes(info: tf.TensorInfo): Uint8Array {
    const { values } = this.data.get(info.dataId);
    return values instanceof Uint8Array ? values : Uint8Array.from(this.#plain(values));
  }

  /** The values of a tensor whose elements are only moved: float32, int32 or bool. */
  elements(info: tf.TensorInfo): Elements {
    if (info.dtype === "float32") return this.floats(info);
    return info.dtype === "int32" ? this.ints(info) : this.bytes(info);
  }

  /** The same values under another shape; the caller owns the result. */
  reshaped(info: tf.TensorInfo, shape: number[]): tf.TensorInfo {
    this.incRef(info.dataId);
    return { dataId: info.dataId, shape, dtype: info.dtype };
  }

  /** Returns the pool's idle memory to the system. */
  trim(): void {
    this.#pool.trim();
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const { dataId } = this.#register(this.#unpooled(values), shape, dtype);
    if (this.recorder.recording) this.recorder.wrote(dataId);
    return dataId;
  }

  override move(id: object, values: tf.BackendValues, shape: number[], dtype: tf.DataType, refCount: number): void {
    super.move(id, this.#unpooled(values), shape, dtype, refCount);
    if (this.recorder.recording) this.recorder.wrote(id);
  }

  override readSync(id: object): tf.BackendValues {
    if (this.recorder.recording) this.recorder.refuse("it reads values of tensors");
    return this.#unpooled(super.readSync(id));
  }

  /** Copies the values of a float32 tensor. */
  readInto(id: object, target: Float32Array): void {
    if (this.recorder.recording) this.recorder.refuse("it reads values of tensors");
    target.set(this.data.get(id).values as Float32Array);
  }

  override disposeData(id: object, force = false): boolean {
    const values = this.data.has(id) ? this.data.get(id).values : undefined;
    const gone = super.disposeData(id, force);
    if (gone && ArrayBuffer.isView(values) && this.#pool.owns(values.buffer)) this.#give(values.buffer as ArrayBuffer);
    return gone;
  }

  #take(bytes: number): ArrayBuffer {
    return this.recorder.take(bytes) ?? this.#pool.take(bytes);
  }

  #give(buffer: ArrayBuffer): void {
    if (!this.recorder.give(buffer)) this.#pool.give(buffer);
  }

  /** Bytes of pooled memory: in tensors, and idle for reuse. Tensors made from JavaScript arrays lie outside it. */
  override memory(): { unreliable: boolean; reasons: string[]; pooledBytes: number; idleBytes: number } {
    const { usedBytes, idleBytes } = this.#pool.figures;
    return { unreliable: false, reasons: [], pooledBytes: usedBytes, idleBytes };
  }

  #register(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.TensorInfo {
    const dataId = {};
    this.data.set(dataId, { values, dtype, refCount: 1 });
    return { dataId, shape, dtype };
  }

  /** The plain array that a few JavaScript kernels leave; its memory has no address that a recording could keep. */
  #plain(values: tf.BackendValues | undefined): ArrayLike<number> {
    this.recorder.refuse("it reads what a JavaScript kernel left as a plain array");
    return values as ArrayLike<number>;
  }

  /** A copy of values that lie in pooled memory, which their owner may give back at any time; others as they are. */
  #unpooled<Values extends tf.BackendValues>(values: Values): Values {
    const pooled = ArrayBuffer.isView(values) && this.#pool.owns(values.buffer);
    return pooled ? ((values as tf.TypedArray).slice() as Values) : values;
  }
}
