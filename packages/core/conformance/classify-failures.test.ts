import { describe, expect, it } from "vitest";
import { classifyFailures } from "./classify-failures.js";

const report = {
  specs: 3,
  pending: 0,
  failed: [
    { name: "einsum wasm {} two scalars", messages: ["Error: Kernel 'Einsum' not registered"] },
    { name: "add wasm {} complex", messages: ["Error: Kernel 'Complex' not registered", "Expected 1 to be 2"] },
  ],
};

describe("classifyFailures", () => {
  it("ignores a failure only when every one of its messages is explained", () => {
    const outcome = classifyFailures(report, [{ error: /Kernel '\w+' not registered/, reason: "missing kernel" }]);
    expect(outcome.failed.map(({ name }) => name)).toEqual(["add wasm {} complex"]);
    expect(outcome.ignored).toEqual([{ reason: "missing kernel", specs: ["einsum wasm {} two scalars"] }]);
  });

  it("wants the name and the message of a rule to match", () => {
    const rules = [{ spec: /^matMul /, error: /Einsum/, reason: "other spec" }];
    const outcome = classifyFailures(report, rules);
    expect(outcome.failed).toHaveLength(2);
    expect(outcome.stale).toEqual(["other spec"]);
  });
});
