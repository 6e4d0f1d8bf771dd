import { KvfoldError, type MatmulPrecision } from "@kvfold/core";
import type { CudaAddon, DeviceDescription, EngineHandle } from "../driver/cuda-addon.js";
import { explainFailure, isDriverCallError, isLost } from "../driver/explain-failure.js";
import type { CudaDriver } from "../driver/open-driver.js";
import type { DeviceKernel, LaunchShape } from "./device-kernel.js";
import type { ArgsOf, Fields } from "./kernel-args.js";
import type { KernelImages } from "./kernel-images.js";
import { type Block, MemoryPool } from "./memory-pool.js";

/** What an engine is made of. */
export interface EngineOptions {
  readonly driver: CudaDriver;
  /** Place of the device in `driver.devices`. */
  readonly ordinal: number;
  readonly images: KernelImages;
  /** Most bytes that the memory pool takes. Default what the device has. */
  readonly memoryLimit?: number | undefined;
  /** Of products with more than a few rows. Default `"float32"`. */
  readonly matmulPrecision?: MatmulPrecision | undefined;
}

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
  readonly #addon: CudaAddon;
  readonly #handle: EngineHandle;
  readonly #images: KernelImages;
  readonly #modules = new Map<string, number>();
  readonly #kernels = new Map<string, { readonly kernel: number; shared: number }>();
  readonly #args = new Uint8Array(4096);
  readonly #view = new DataView(this.#args.buffer);
  #zeros: Block | undefined;
  #disposed = false;

  constructor({ driver, ordinal, images, memoryLimit, matmulPrecision = "float32" }: EngineOptions) {
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
    try {
      if (sharedBytes > found.shared) {
        this.#addon.kernelAllowShared(this.#handle, found.kernel, sharedBytes);
        found.shared = sharedBytes;
      }
      this.#addon.launch(
        this.#handle,
        found.kernel,
        this.#args,
        kernel.layout.bytes,
        gridX,
        gridY,
        gridZ,
        blockX,
        blockY,
        blockZ,
        sharedBytes,
      );
    } catch (error) {
      throw explainFailure(error);
    }
  }

  /** Threads for a loop over `n` elements that the whole grid shares. */
  loopOver(n: number): LaunchShape {
    return { grid: [Math.min(Math.ceil(n / threads), this.device.multiprocessors * blocksEach)], block: [threads] };
  }

  /** Copies values to the device; the array may change afterwards. */
  upload(address: number, values: Float32Array | Int32Array | Uint8Array | Uint16Array): void {
    if (values.length > 0) this.#explained(() => this.#addon.upload(this.#handle, address, values));
  }

  /** Fills an array from the device, after all that was launched before. */
  download(address: number, into: Float32Array | Int32Array | Uint8Array | Uint16Array): void {
    if (into.length > 0) this.#explained(() => this.#addon.download(this.#handle, address, into));
  }

  /** The same without stopping the calling thread. */
  async downloadAsync(address: number, bytes: number): Promise<ArrayBuffer> {
    if (bytes === 0) return new ArrayBuffer(0);
    try {
      return await this.#addon.downloadAsync(this.#handle, address, bytes);
    } catch (error) {
      throw explainFailure(error);
    }
  }

  /** Copies on the device. */
  copy(to: number, from: number, bytes: number): void {
    if (bytes > 0) this.#explained(() => this.#addon.copy(this.#handle, to, from, bytes));
  }

  /** Fills words with a 32-bit pattern. */
  fillWords(address: number, word: number, count: number): void {
    if (count > 0) this.#explained(() => this.#addon.fillWords(this.#handle, address, word >>> 0, count));
  }

  fillBytes(address: number, byte: number, count: number): void {
    if (count > 0) this.#explained(() => this.#addon.fillBytes(this.#handle, address, byte, count));
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

  /** Records what follows, instead of running it, until {@link captureEnd}. */
  captureBegin(): void {
    this.#explained(() => this.#addon.captureBegin(this.#handle));
  }

  /** Ends a recording and gives its number for {@link graphLaunch}. */
  captureEnd(): number {
    return this.#explained(() => this.#addon.captureEnd(this.#handle, 1)) as number;
  }

  /** Ends a recording that nobody wants. */
  captureCancel(): void {
    this.#explained(() => this.#addon.captureEnd(this.#handle, 0));
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
   */
  zeros(bytes: number): number {
    if (this.#zeros === undefined || this.#zeros.bytes < bytes) {
      if (this.#zeros !== undefined) this.pool.give(this.#zeros);
      this.#zeros = this.pool.take(Math.max(bytes, 65_536), "counters");
      this.fillBytes(this.#zeros.address, 0, this.#zeros.bytes);
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

  #explained<Result>(call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      throw explainFailure(error);
    }
  }
}
