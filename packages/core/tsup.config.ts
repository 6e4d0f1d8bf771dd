import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/testing.ts"],
  format: ["esm", "cjs"],
  dts: { compilerOptions: { composite: false, incremental: false, ignoreDeprecations: "6.0" } },
  sourcemap: true,
  clean: true,
  target: "node20",
  noExternal: [/register_all_gradients/],
  esbuildOptions: (options) => {
    options.sourcesContent = false; // the maps point into src, which is published; TensorFlow.js's gradients stay out
  },
});
