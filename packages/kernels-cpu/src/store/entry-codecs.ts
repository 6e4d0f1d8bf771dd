/** Storage of closed entries, in the order of the addon's `EntryCodec`: float32, bfloat16, and int8 with a scale a vector. */
export const entryCodecs = ["f32", "bf16", "int8"] as const;
