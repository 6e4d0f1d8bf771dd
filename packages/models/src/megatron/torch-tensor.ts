/** Element types of PyTorch: bytes of one. */
export const TORCH_DTYPE_BYTES = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
} as const;

/** Element type of a storage. */
export type TorchDtype = keyof typeof TORCH_DTYPE_BYTES;

/** A file `data/KEY` of a torch archive, as the pickle names it: nothing is checked against the archive yet. */
export class TorchStorage {
  readonly dtype: TorchDtype;
  readonly key: string;
  /** As stated. */
  readonly elements: number;

  constructor(dtype: TorchDtype, key: string, elements: number) {
    this.dtype = dtype;
    this.key = key;
    this.elements = elements;
  }
}

/** A view of a storage. */
export class TorchTensor {
  readonly storage: TorchStorage;
  /** First element in the storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Elements from one row, column, ... to the next. */
  readonly strides: readonly number[];

  constructor(storage: TorchStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }

  get elements(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Whether the elements lie row after row without gaps; strides of axes of size 1 say nothing. */
  get contiguous(): boolean {
    let step = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      const size = this.shape[axis] as number;
      if (size !== 1 && this.strides[axis] !== step) return false;
      step *= size;
    }
    return true;
  }
}
