import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/bin.ts"],
  format: ["esm", "cjs"],
  dts: { compilerOptions: { composite: false, incremental: false, ignoreDeprecations: "6.0" } },
  shims: true, // import.meta.url in CommonJS
  sourcemap: true,
  clean: true,
  target: "node20",
});
