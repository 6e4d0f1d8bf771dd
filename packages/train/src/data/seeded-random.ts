import { Random } from "@kvfold/models";

/** Random numbers of a place in the run: the same for the same numbers, unlike for any others. */
export function seededRandom(...place: readonly number[]): Random {
  const random = new Random(0);
  for (const number of place) {
    random.state = Math.imul(random.state, 0x01000193) ^ number ^ Math.floor(number / 2 ** 32);
    random.state = (random.next() * 2 ** 32) | 0;
  }
  return random;
}
