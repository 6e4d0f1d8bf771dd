import { KvfoldError, type MatmulPrecision } from "@kvfold/core";
import type { CudaAddon, DeviceDescription, EngineHandle } from "../driver/cuda-addon.js";
import { explainFailure, isDriverCallError, isLost } from "../driver/explain-failure.js";
import type { CudaDriver } from "../driver/open-driver.js";
import { Blas, type BlasHost } from "./blas.js";
import type { DeviceKernel, LaunchShape } from "./device-kernel.js";
import type { ArgsOf, Fields } from "./kernel-args.js";
import type { KernelImages } from "./kernel-images.js";
import { type Block, MemoryPool } from "./memory-pool.js";
import type { WorkRecording } from "./work-recording.js";

/** What an engine is made of. */
export interface EngineOptions {
  readonly driver: CudaDriver;
  /** Place of the device in `driver.devices`. */
  readonly ordinal: number;
  readonly images: KernelImages;
  /** Most bytes that the memory pool takes. Default what the device has. */
  readonly memoryLimit?: number | undefined;
  /** Path of cuBLASLt, where it is to make large products. Default none. */
  readonly blas?: string | undefined;
  /** Of products with more than a few rows. Default `"float32"`. */
  readonly matmulPrecision?: MatmulPrecision | undefined;
}

/** What is copied to a device and back. */
export type DeviceValues = Float32Array | Int32Array | Uint8Array | Uint16Array;

/** The driver's code for a device without memory. */
const outOfMemory = 2;
/** Dynamic shared memory that a kernel may have without being allowed more. */
const plainShared = 48 * 1024;
/** Blocks for each multiprocessor in loops over elements: 2,048 threads, what it holds. */
const blocksEach = 8;
const threads = 256;

/**
 * One device in use: kernels are launched, and memory is copied, in order on its one stream. Nothing waits for the device but
 * `download`, `synchronize` and `dispose`.
 *
 * Every method throws a KvfoldError that names the driver's error and what helps: `cuda-device-lost` when the device cannot
 * be used any more in this process, else `cuda-call`.
 */
export class CudaEngine {
  readonly device: DeviceDescription;
  readonly pool: MemoryPool;
  readonly matmulPrecision: MatmulPrecision;
  /** cuBLASLt; undefined where it is not used. */
  readonly blas: Blas | undefined;
  readonly #addon: CudaAddon;
  readonly #handle: EngineHandle;
  readonly #images: KernelImages;
  readonly #modules = new Map<string, number>();
  readonly #kernels = new Map<string, { readonly kernel: number; shared: number }>();
  readonly #args = new Uint8Array(4096);
  readonly #view = new DataView(this.#args.buffer);
  #zeros: Block | undefined;
  /** Where work is noted while it is done. */
  #recording: WorkRecording | undefined;
  #disposed = false;

  constructor({ driver, ordinal, images, memoryLimit, matmulPrecision = "float32", blas }: EngineOptions) {
    this.matmulPrecision = matmulPrecision;
    this.device = driver.devices[ordinal] as DeviceDescription;
    this.#addon = driver.addon;
    this.#images = images;
    this.#handle = this.#explained(() => driver.addon.engineOpen(driver.path, ordinal));
    const source = {
      alloc: (bytes: number) => this.#alloc(bytes),
      free: (address: number) => this.#explained(() => this.#addon.memoryFree(this.#handle, address)),
      info: () => this.#explained(() => this.#addon.memoryInfo(this.#handle)),
    };
    this.pool = new MemoryPool(source, memoryLimit);
    try {
      this.blas = blas === undefined ? undefined : new Blas(this.#blasHost(), blas);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Launches a kernel; a grid without blocks is nothing to do. */
  launch<F extends Fields>(
    kernel: DeviceKernel<F>,
    values: ArgsOf<F>,
    { grid, block, sharedBytes = 0 }: LaunchShape,
  ): void {
    const [gridX, gridY = 1, gridZ = 1] = grid;
    if (gridX === 0 || gridY === 0 || gridZ === 0) return;
    const [blockX, blockY = 1, blockZ = 1] = block;
    const found = this.#kernels.get(kernel.name) ?? this.#find(kernel.name);
    kernel.layout.pack(values, this.#view);
    const { bytes } = kernel.layout;
    const shape = [gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes] as const;
    try {
      if (sharedBytes > found.shared) {
        this.#addon.kernelAllowShared(this.#handle, found.kernel, sharedBytes);
        found.shared = sharedBytes;
      }
      this.#addon.launch(this.#handle, found.kernel, this.#args, bytes, ...shape);
    } catch (error) {
      throw explainFailure(error);
    }
    if (this.#recording === undefined) return;
    const args = this.#args.slice(0, bytes);
    this.#recording.note(() => this.#addon.launch(this.#handle, found.kernel, args, bytes, ...shape));
  }

  /** Threads for a loop over `n` elements that the whole grid shares. */
  loopOver(n: number): LaunchShape {
    return { grid: [Math.min(Math.ceil(n / threads), this.device.multiprocessors * blocksEach)], block: [threads] };
  }

  /** Copies values to the device; the array may change afterwards. */
  upload(address: number, values: DeviceValues): void {
    if (values.length === 0) return;
    const recording = this.#recording;
    if (recording === undefined) this.#explained(() => this.#addon.upload(this.#handle, address, values));
    else this.copy(address, this.apart(() => recording.constant(values)).address, values.byteLength);
  }

  /** Fills an array from the device, after all that was launched before. */
  download(address: number, into: DeviceValues): void {
    this.#recording?.refuse("it reads values of tensors");
    if (into.length > 0) this.#explained(() => this.#addon.download(this.#handle, address, into));
  }

  /** The same without stopping the calling thread. */
  async downloadAsync(address: number, bytes: number): Promise<ArrayBuffer> {
    this.#recording?.refuse("it reads values of tensors");
    if (bytes === 0) return new ArrayBuffer(0);
    try {
      return await this.#addon.downloadAsync(this.#handle, address, bytes);
    } catch (error) {
      throw explainFailure(error);
    }
  }

  /** Copies on the device. */
  copy(to: number, from: number, bytes: number): void {
    if (bytes > 0) this.#work(() => this.#addon.copy(this.#handle, to, from, bytes));
  }

  /** Fills words with a 32-bit pattern. */
  fillWords(address: number, word: number, count: number): void {
    if (count > 0) this.#work(() => this.#addon.fillWords(this.#handle, address, word >>> 0, count));
  }

  fillBytes(address: number, byte: number, count: number): void {
    if (count > 0) this.#work(() => this.#addon.fillBytes(this.#handle, address, byte, count));
  }

  /** Waits until everything is done. */
  synchronize(): void {
    this.#explained(() => this.#addon.synchronize(this.#handle));
  }

  /** Milliseconds that the device takes for what `work` launches; waits for it. */
  time(work: () => void): number {
    return this.#explained(() => {
      const start = this.#addon.eventRecord(this.#handle);
      work();
      return this.#addon.eventsElapsed(this.#handle, start, this.#addon.eventRecord(this.#handle));
    });
  }

  /**
   * Notes what follows, while it is done, and lets the recording hand out its memory; undefined ends that.
   * One recording at a time.
   */
  record(recording: WorkRecording | undefined): void {
    this.#recording = recording;
    this.pool.askInstead(recording);
  }

  /** What is recorded now. */
  get recording(): WorkRecording | undefined {
    return this.#recording;
  }

  /** Does something that is no part of what is recorded, with memory of the pool. */
  apart<Result>(work: () => Result): Result {
    const recording = this.#recording;
    const source = this.pool.askInstead(undefined);
    this.#recording = undefined;
    try {
      return work();
    } finally {
      this.#recording = recording;
      this.pool.askInstead(source);
    }
  }

  /** Makes a graph of calls that were noted; gives its number for {@link graphLaunch}. */
  graphOf(calls: readonly (() => void)[]): number {
    return this.#explained(() => {
      this.#addon.captureBegin(this.#handle);
      try {
        for (const call of calls) call();
      } catch (error) {
        try {
          this.#addon.captureEnd(this.#handle, 0);
        } catch {
          // it ends with the failure of the call, which says more
        }
        throw error;
      }
      return this.#addon.captureEnd(this.#handle, 1) as number;
    });
  }

  /** Runs a recording. */
  graphLaunch(graph: number): void {
    this.#explained(() => this.#addon.graphLaunch(this.#handle, graph));
  }

  graphDispose(graph: number): void {
    if (!this.#disposed) this.#explained(() => this.#addon.graphDispose(this.#handle, graph));
  }

  /** What the kernels' headers say about launches and layouts. */
  get plans(): Pick<
    CudaAddon,
    "planGemm" | "planDecodeAttention" | "planPrefill" | "headPasses" | "entryLayout" | "blockParts" | "planRmsNorm"
  > {
    return this.#addon;
  }

  /**
   * Device memory of zeros for kernels that count in it and leave zeros behind. One for all: they run one after the other.
   * What it was before it grew stays, because recorded work may count there.
   */
  zeros(bytes: number): number {
    if (this.#zeros === undefined || this.#zeros.bytes < bytes) {
      const size = Math.max(bytes, 65_536, 2 * (this.#zeros?.bytes ?? 0));
      this.#zeros = this.apart(() => {
        const block = this.pool.take(size, "counters");
        this.fillBytes(block.address, 0, block.bytes);
        return block;
      });
    }
    return this.#zeros.address;
  }

  /** Registers, spilled bytes, shared memory and the most threads of a kernel's block. */
  describeKernel(name: string) {
    const { kernel } = this.#kernels.get(name) ?? this.#find(name);
    return this.#explained(() => this.#addon.kernelDescribe(this.#handle, kernel));
  }

  /** True when the images have a kernel. */
  has(name: string): boolean {
    return this.#images.imageOf(name) !== undefined;
  }

  /**
   * Waits for the device and gives everything back: memory, kernels, stream, context. Twice is once. A lost device takes
   * nothing back: the driver does that when the process ends.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    let failure: unknown;
    for (const step of [() => this.pool.releaseAll(), () => this.#addon.engineDispose(this.#handle)]) {
      try {
        step();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined && !isLost(failure)) throw explainFailure(failure);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #find(name: string): { readonly kernel: number; shared: number } {
    const image = this.#images.imageOf(name);
    if (image === undefined) {
      throw new KvfoldError(
        "cuda-kernel",
        `The package has no kernel ${name}; its files are not of one version. Reinstall it.`,
      );
    }
    const found = this.#explained(() => {
      const module = this.#modules.get(image) ?? this.#addon.moduleLoad(this.#handle, this.#images.load(image));
      this.#modules.set(image, module);
      return { kernel: this.#addon.kernelGet(this.#handle, module, name), shared: plainShared };
    });
    this.#kernels.set(name, found);
    return found;
  }

  #alloc(bytes: number): number | undefined {
    try {
      return this.#addon.memoryAlloc(this.#handle, bytes);
    } catch (error) {
      if (isDriverCallError(error) && error.result === outOfMemory) return undefined;
      throw explainFailure(error);
    }
  }

  #blasHost(): BlasHost {
    return {
      pool: this.pool,
      ask: (call) => this.#explained(() => call(this.#addon, this.#handle)),
      work: (call) => this.#work(() => call(this.#addon, this.#handle)),
    };
  }

  /** A call that belongs to what is recorded. */
  #work(call: () => void): void {
    this.#explained(call);
    this.#recording?.note(call);
  }

  #explained<Result>(call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      throw explainFailure(error);
    }
  }
}
