import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Block, MemoryPool, type MemorySource } from "./memory-pool.js";

/** A device of `total` bytes that checks what it gets back. */
function device(total: number): MemorySource & { readonly live: Map<number, number>; used(): number } {
  const live = new Map<number, number>();
  let next = 4096;
  const used = () => [...live.values()].reduce((sum, bytes) => sum + bytes, 0);
  return {
    live,
    used,
    alloc: (bytes) => {
      if (used() + bytes > total) return undefined;
      const address = next;
      next += Math.ceil(bytes / 4096) * 4096 + 4096;
      live.set(address, bytes);
      return address;
    },
    free: (address) => {
      if (!live.delete(address)) throw new Error(`${address} is not allocated`);
    },
    info: () => ({ free: total - used(), total }),
  };
}

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ take: fc.oneof(fc.nat(5000), fc.nat(2 ** 20)) }) },
  { weight: 4, arbitrary: fc.record({ give: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ trim: true as const }) },
);

describe("MemoryPool", () => {
  it("hands out memory that nobody else has, inside of what the device gave, and counts it", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const source = device(2 ** 40);
        const pool = new MemoryPool(source);
        const held: Block[] = [];
        for (const now of commands) {
          if ("take" in now) held.push(pool.take(now.take));
          else if ("give" in now && held.length > 0) {
            pool.give(held.splice(now.give % held.length, 1)[0] as Block);
          } else pool.trim();
          const sorted = [...held].sort((a, b) => a.address - b.address);
          sorted.forEach(({ address, bytes }, i) => {
            expect(address % 256).toBe(0);
            expect(sorted[i + 1]?.address ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(address + bytes);
            const inside = [...source.live].some(
              ([start, size]) => start <= address && address + bytes <= start + size,
            );
            expect(inside).toBe(true);
          });
          const { usedBytes, idleBytes, reservedBytes, peakBytes } = pool.figures;
          expect(usedBytes).toBe(held.reduce((sum, { bytes }) => sum + bytes, 0));
          expect(reservedBytes).toBe(source.used());
          expect(usedBytes + idleBytes).toBeLessThanOrEqual(reservedBytes);
          expect(peakBytes).toBeGreaterThanOrEqual(usedBytes);
        }
        for (const block of held) pool.give(block);
        pool.trim();
        expect(source.live.size).toBe(0);
        expect(pool.figures).toMatchObject({ usedBytes: 0, idleBytes: 0, reservedBytes: 0 });
      }),
    );
  });

  it("wastes at most a fifth", () => {
    const pool = new MemoryPool(device(2 ** 50));
    fc.assert(
      fc.property(fc.integer({ min: 1281, max: 2 ** 40 }), (bytes) => {
        const block = pool.take(bytes);
        expect(block.bytes).toBeGreaterThanOrEqual(bytes);
        expect(block.bytes).toBeLessThanOrEqual(bytes * 1.25);
        pool.give(block);
        pool.trim();
      }),
    );
  });

  it("returns idle memory before it says that there is none, and then names what holds the rest", () => {
    const pool = new MemoryPool(device(100 * 2 ** 20));
    pool.give(pool.take(60 * 2 ** 20));
    const weights = pool.take(56 * 2 ** 20, "weights"); // only fits when the idle 60 MiB are gone
    pool.take(2 ** 20, "cache pages");
    expect(() => pool.take(50 * 2 ** 20)).toThrow(
      /has no 56\.0 MiB left: 43\.0 MiB of 100\.0 MiB are free.*56\.0 MiB in weights, 1\.0 MiB in cache pages/,
    );
    pool.give(weights);
    expect(pool.take(50 * 2 ** 20).holder).toBe("tensors");
  });

  it("keeps to its limit", () => {
    const pool = new MemoryPool(device(2 ** 40), 10 * 2 ** 20);
    pool.take(8 * 2 ** 20);
    expect(() => pool.take(4 * 2 ** 20)).toThrow("The pool is limited to 10.0 MiB.");
  });

  it("returns also what is held when its time is over", () => {
    const source = device(2 ** 40);
    const pool = new MemoryPool(source);
    for (const bytes of [100, 2 ** 19, 2 ** 22]) pool.take(bytes);
    pool.releaseAll();
    expect(source.live.size).toBe(0);
  });

  it("refuses sizes that are none", () => {
    expect(() => new MemoryPool(device(1)).take(Number.NaN)).toThrow("memory of NaN bytes");
  });
});
