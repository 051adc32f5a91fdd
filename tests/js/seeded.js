// @ts-check
/**
 * A small seeded generator (mulberry32), so that a failing case comes again.
 *
 * @param {number} seed
 * @returns {(low: number, high: number) => number}
 */
export function seeded(seed) {
  let state = seed >>> 0;
  return (low, high) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return low + (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * (high - low);
  };
}
