import { afterEach, expect, it, vi } from "vitest";
import { backendOrNone } from "./backend-or-none.js";

afterEach(() => {
  vi.restoreAllMocks();
});

it("is the backend where it can be had, else nothing and a printed reason", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => undefined);
  expect(await backendOrNone("one", async () => undefined)).toEqual(["one"]);
  expect(await backendOrNone("two", async () => "no compiler")).toEqual([]);
  expect(await backendOrNone("three", () => Promise.reject(new Error("no such file")))).toEqual([]);
  expect(printed.mock.calls).toEqual([
    ["backend two is left out: no compiler"],
    ["backend three is left out: no such file"],
  ]);
});
