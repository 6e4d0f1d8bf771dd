/**
 * Seeded random numbers: SplitMix32, a 32-bit counter passed through a mixing function (Steele et al. 2014, in the
 * 32-bit variant). Small, fast, the same on every machine; not for secrets.
 */
export class Random {
  /** The whole state: a Random made with it continues the sequence. */
  state: number;

  /** @param seed any number; its lower 32 bits count */
  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** Next number in [0, 1). */
  next(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  }
}
