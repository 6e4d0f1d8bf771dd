import fc from "fast-check";
import { expect, it } from "vitest";
import { LaneBounds } from "./lane-bounds.js";

const lanes = 6;
const acts = fc.array(
  fc.oneof(
    fc.record({ add: fc.nat({ max: 40 }), first: fc.nat({ max: 3 }), count: fc.nat({ max: 3 }) }),
    fc.record({ set: fc.array(fc.nat({ max: 100 }), { maxLength: 3 }), first: fc.nat({ max: 3 }) }),
    fc.record({ lower: fc.nat({ max: 60 }), first: fc.nat({ max: 5 }) }),
  ),
  { maxLength: 20 },
);

it("carries along what sums over all lanes give", () => {
  fc.assert(
    fc.property(acts, fc.constantFrom(1, 16), (list, pageSlots) => {
      const bounds = new LaneBounds(lanes, pageSlots);
      const plain = new Array<number>(lanes).fill(0);
      for (const act of list) {
        if ("add" in act) {
          bounds.add(act.first, act.count, act.add);
          for (let i = 0; i < act.count; i++) plain[act.first + i] = (plain[act.first + i] as number) + act.add;
        } else if ("set" in act) {
          bounds.set(act.set, act.first);
          act.set.forEach((entries, i) => {
            plain[act.first + i] = entries;
          });
        } else {
          bounds.lower(act.first, act.lower);
          plain[act.first] = Math.min(plain[act.first] as number, act.lower);
        }
        expect([...bounds.slice(0, lanes)]).toEqual(plain);
        expect(bounds.longest).toBe(Math.max(...plain));
        expect(bounds.pages).toBe(plain.reduce((sum, entries) => sum + Math.ceil(entries / pageSlots), 0));
      }
    }),
  );
});
