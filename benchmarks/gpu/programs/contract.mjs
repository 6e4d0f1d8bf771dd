// The fused kernels of the contract on `cuda` against their reference forms on `cpu`, gradients too.
import "@tensorflow/tfjs-backend-cpu";
import { compareKernel, kernelSuites } from "@kvfold/core/testing";
import { cudaFallbacks } from "@kvfold/kernels-cuda";
import { report, reportChecks } from "./report.mjs";
import { useCuda } from "./use-cuda.mjs";

await useCuda();
const failures = [];
let passed = 0;
for (const suite of kernelSuites) {
  for (const example of suite.cases) {
    const name = `${suite.kernelName}: ${example.title}`;
    const found = await compareKernel(suite, example, "cuda").catch((error) => [String(error)]);
    if (found.length === 0) passed++;
    else failures.push(`${name}: ${found.join("; ")}`);
  }
}
reportChecks("contract", { passed, failures });
report({ kind: "fallbacks", during: "contract", calls: Object.fromEntries(cudaFallbacks()) });
