import { bf16 } from "./bf16.js";
import { f16 } from "./f16.js";
import { f32 } from "./f32.js";
import { q4_0 } from "./q4-0.js";
import { q4_1 } from "./q4-1.js";
import { q5_0 } from "./q5-0.js";
import { q5_1 } from "./q5-1.js";
import { q8_0 } from "./q8-0.js";

/** All ways in which kvfold holds weights and cache entries: 32, 16, 16, 8.5, 4.5, 5, 5.5 and 6 bits a value. */
export const storageTypes = { f32, bf16, f16, q8_0, q4_0, q4_1, q5_0, q5_1 } as const;

/** `f32`, `bf16`, `f16`, `q8_0` (int8), `q4_0`, `q4_1` (4 bits), `q5_0` or `q5_1` (5 bits). */
export type StorageTypeName = keyof typeof storageTypes;
