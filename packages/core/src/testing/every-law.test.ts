import { expect, it } from "vitest";
import { everyLaw } from "./every-law.js";

it("is asked for by vitest's mode laws alone", () => {
  expect(everyLaw({ env: { MODE: "laws" } } as unknown as ImportMeta)).toBe(true);
  expect(everyLaw({ env: { MODE: "built" } } as unknown as ImportMeta)).toBe(false);
  expect(everyLaw({} as ImportMeta)).toBe(false);
});
