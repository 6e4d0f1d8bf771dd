/** Storage types of packed weights that the kernels compute on as they are, in the order of the addon's `WeightFormat`. */
export const weightFormats = ["f32", "bf16", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q6_k"] as const;

/** Index of a storage type in {@link weightFormats}; undefined for one that the kernels do not know. */
export function weightFormatIndex(storage: string): number | undefined {
  const index = (weightFormats as readonly string[]).indexOf(storage.toLowerCase());
  return index < 0 ? undefined : index;
}
