import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts"],
  format: ["esm", "cjs"],
  dts: { compilerOptions: { composite: false, incremental: false, ignoreDeprecations: "6.0" } },
  sourcemap: true,
  clean: true,
  target: "node20",
  shims: true, // import.meta.url in CommonJS
});
