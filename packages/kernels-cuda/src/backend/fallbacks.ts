/** Calls of kernels that ran in JavaScript, by kernel. */
const counts = new Map<string, number>();

/** Notes that a kernel has no form on the device for this call; the first time it is said aloud. */
export function countFallback(kernelName: string): void {
  const before = counts.get(kernelName) ?? 0;
  counts.set(kernelName, before + 1);
  if (before > 0) return;
  console.warn(
    `kvfold cuda: ${kernelName} has no form on the device for these tensors. It runs in JavaScript, with copies through ` +
      "the host; cudaFallbacks() counts such calls.",
  );
}

/** How often each kernel ran in JavaScript, with copies through the host, since the process began. */
export function cudaFallbacks(): ReadonlyMap<string, number> {
  return new Map(counts);
}
