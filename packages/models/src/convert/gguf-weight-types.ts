import { type StorageType, storageTypes } from "@kvfold/core";

/** A type that matrices of a GGUF file can be written in, spelled as llama.cpp does. */
export type GgufWeightType = "F32" | "F16" | "BF16" | "Q8_0" | "Q4_0" | "Q4_1";

/** Encoder of each type, and its `general.file_type` (`enum llama_ftype`). */
const TYPES: Readonly<Record<GgufWeightType, { readonly format: StorageType; readonly fileType: number }>> = {
  F32: { format: storageTypes.f32, fileType: 0 },
  F16: { format: storageTypes.f16, fileType: 1 },
  BF16: { format: storageTypes.bf16, fileType: 32 },
  Q8_0: { format: storageTypes.q8_0, fileType: 7 },
  Q4_0: { format: storageTypes.q4_0, fileType: 2 },
  Q4_1: { format: storageTypes.q4_1, fileType: 3 },
};

/** Names of the types, for choices on a command line. */
export const GGUF_WEIGHT_TYPES = Object.keys(TYPES) as readonly GgufWeightType[];

/** Encoder of `type`. */
export function ggufWeightFormat(type: GgufWeightType): StorageType {
  return TYPES[type].format;
}

/** `general.file_type` of a file whose matrices are of `type`. */
export function ggufFileType(type: GgufWeightType): number {
  return TYPES[type].fileType;
}

/**
 * How a tensor is stored: vectors as f32, as llama.cpp wants them; matrices as asked for, or as f16 where a row is not a whole
 * number of blocks.
 * @param ne sizes, innermost first
 */
export function formatFor(ne: readonly number[], type: GgufWeightType): StorageType {
  const { format } = TYPES[type];
  if (ne.length === 1) return storageTypes.f32;
  return (ne[0] as number) % format.blockValues === 0 ? format : storageTypes.f16;
}
