import { TorchStorage, TorchTensor } from "./torch-tensor.js";

/** What a pickle can hold here. Tuples, lists and sets are arrays; integers beyond 2^53 are bigints. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | PickleDict
  | PickleObject
  | PickleGlobal
  | TorchStorage
  | TorchTensor;

/** A dict or OrderedDict. */
export class PickleDict {
  readonly entries = new Map<PickleValue, PickleValue>();

  /** Value of a key; undefined when it is missing. */
  get(key: string): PickleValue | undefined {
    return this.entries.get(key);
  }
}

/** An object of a class that is listed but means nothing here (a random state, a device), or a namespace. */
export class PickleObject {
  /** `module.name` of its class. */
  readonly className: string;
  /** What BUILD gave it; for a namespace the attributes. */
  state: PickleValue = null;

  constructor(className: string) {
    this.className = className;
  }
}

/** Throws an error that names the file and the position. */
export type PickleFail = (what: string) => never;

/** What may be done with a global; nothing is ever imported or run. */
export interface GlobalRule {
  /** The value that REDUCE makes of the arguments; undefined: it is no callable. */
  readonly call?: (args: readonly PickleValue[], fail: PickleFail) => PickleValue;
  /** The value that NEWOBJ makes; undefined: it is no class to make objects of. */
  readonly create?: () => PickleValue;
  /** For types of storages. */
  readonly storage?: TorchStorage["dtype"];
}

/** A class, function or constant that a pickle names. */
export class PickleGlobal {
  /** `module.name`. */
  readonly name: string;
  readonly rule: GlobalRule;

  constructor(name: string, rule: GlobalRule) {
    this.name = name;
    this.rule = rule;
  }
}

/** A value in words, for messages; never long, never recursive. */
export function describePickle(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "string")
    return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof PickleDict) return `a dict of ${value.entries.size}`;
  if (value instanceof PickleObject) return value.className;
  if (value instanceof PickleGlobal) return value.name;
  if (value instanceof TorchStorage) return "a storage";
  if (value instanceof TorchTensor) return `a tensor of shape [${value.shape.slice(0, 8)}]`;
  return String(value).slice(0, 60);
}
