import { describe, expect, it } from "vitest";
import { sharedRegistry } from "./shared-registry.js";

describe("sharedRegistry", () => {
  it("is one map for each name, found again by whoever asks", () => {
    sharedRegistry<number>("test-a").set("wasm", 1);
    expect(sharedRegistry<number>("test-a").get("wasm")).toBe(1);
    expect(sharedRegistry<number>("test-b").size).toBe(0);
    expect((globalThis as { [key: symbol]: unknown })[Symbol.for("kvfold.test-a")]).toBe(sharedRegistry("test-a"));
  });
});
