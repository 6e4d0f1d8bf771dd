import { defineConfig } from "vitest/config";

const conditions = ["@kvfold/source", "module", "node", "development|production"];
export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: ["@kvfold/source", "node"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "packages/*/conformance/**/*.test.ts"],
    reporters: ["default", ["json", { outputFile: "coverage/vitest.json" }]],
    pool: "forks",
  },
});
