import {
  describePickle,
  type GlobalRule,
  PickleDict,
  type PickleFail,
  PickleObject,
  type PickleValue,
} from "./pickle-values.js";
import { type TorchDtype, TorchStorage, TorchTensor } from "./torch-tensor.js";

const MAX_AXES = 16;

const STORAGES: Readonly<Record<string, TorchDtype>> = {
  DoubleStorage: "f64",
  FloatStorage: "f32",
  HalfStorage: "f16",
  BFloat16Storage: "bf16",
  LongStorage: "i64",
  IntStorage: "i32",
  ShortStorage: "i16",
  CharStorage: "i8",
  ByteStorage: "u8",
  BoolStorage: "bool",
};

/** Arguments of Megatron hold dtypes; those of newer versions state several. */
const DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"];

/** Called with a value or two, and of no meaning here: devices, bytes, random states of numpy, enums of Megatron. */
const OPAQUE_CALLS = [
  "torch.device",
  "_codecs.encode",
  "__builtin__.bytes",
  "numpy.dtype",
  "numpy.core.multiarray.scalar",
  "numpy._core.multiarray.scalar",
  "numpy.core.multiarray._reconstruct",
  "numpy._core.multiarray._reconstruct",
  "megatron.core.enums.ModelType",
  "megatron.core.transformer.enums.AttnBackend",
  "megatron.core.rerun_state_machine.RerunMode",
  "megatron.core.rerun_state_machine.RerunState",
  "megatron.core.rerun_state_machine.RerunDiagnostic",
];

/** Made without arguments, then given a state: the arguments, and what Transformer Engine keeps beside its weights. */
const OPAQUE_CLASSES = ["argparse.Namespace", "_io.BytesIO"];

/**
 * Every global that `torch.save` of a Megatron checkpoint names, and what it becomes. A name outside this table is refused:
 * it could stand for any code.
 */
export const PICKLE_GLOBALS: ReadonlyMap<string, GlobalRule> = new Map<string, GlobalRule>([
  ...Object.entries(STORAGES).map(([name, storage]): [string, GlobalRule] => [`torch.${name}`, { storage }]),
  ...DTYPES.map((name): [string, GlobalRule] => [`torch.${name}`, {}]),
  ...OPAQUE_CALLS.map((name): [string, GlobalRule] => [name, { call: () => new PickleObject(name) }]),
  ...OPAQUE_CLASSES.map((name): [string, GlobalRule] => [name, { create: () => new PickleObject(name) }]),
  ["numpy.ndarray", {}],
  ["collections.OrderedDict", { call: orderedDict }],
  ["torch.Size", { call: oneList }],
  ["__builtin__.set", { call: oneList }],
  ["torch._utils._rebuild_tensor_v2", { call: rebuildTensor }],
  ["torch._utils._rebuild_parameter", { call: rebuildParameter }],
]);

function orderedDict(args: readonly PickleValue[], fail: PickleFail): PickleValue {
  if (args.length !== 0) fail("OrderedDict is made with arguments; PyTorch fills it afterwards");
  return new PickleDict();
}

function oneList([list, ...rest]: readonly PickleValue[], fail: PickleFail): PickleValue {
  if (!Array.isArray(list) || rest.length > 0) fail("a set or size is made of something else than one list");
  return list;
}

/** `(storage, offset, size, stride, requires_grad, hooks)`, in newer files also metadata. */
function rebuildTensor(args: readonly PickleValue[], fail: PickleFail): PickleValue {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof TorchStorage))
    return fail(`a tensor is made of ${describePickle(storage)}, not of a storage`);
  if (!isCounts(shape) || !isCounts(strides) || shape.length !== strides.length || !isCount(offset)) {
    return fail("a tensor has no valid offset, sizes and strides");
  }
  const tensor = new TorchTensor(storage, offset, shape, strides);
  if (!Number.isSafeInteger(tensor.elements)) fail("a tensor has more elements than can be addressed");
  return tensor;
}

function rebuildParameter([data]: readonly PickleValue[], fail: PickleFail): PickleValue {
  return data instanceof TorchTensor ? data : fail(`a parameter is made of ${describePickle(data)}, not of a tensor`);
}

/** What BINPERSID makes of `("storage", type, key, device, elements)`. */
export function persistentStorage(id: PickleValue, fail: PickleFail): TorchStorage {
  const [kind, type, key, , elements] = Array.isArray(id) ? id : [];
  const dtype = type !== null && typeof type === "object" && "rule" in type ? type.rule.storage : undefined;
  if (kind !== "storage" || dtype === undefined || typeof key !== "string" || !isCount(elements)) {
    return fail("a persistent id is no storage of PyTorch");
  }
  if (!/^\d{1,10}$/.test(key)) fail(`a storage has the key ${describePickle(key)}; PyTorch numbers them`);
  return new TorchStorage(dtype, key, elements);
}

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= MAX_AXES && value.every(isCount);
}
