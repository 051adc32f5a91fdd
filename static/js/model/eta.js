// @ts-check
/**
 * How long it will take still, from what was seen. Pure.
 *
 * The rate is taken over the last minute, so that it follows when work becomes faster or slower.
 */

const WINDOW_MS = 60_000;
const LEAST_MS = 1500;

export class RateWatch {
  /** @type {{at: number, done: number}[]} */
  #seen = [];

  /**
   * @param {number} at milliseconds
   * @param {number} done
   */
  see(at, done) {
    const last = this.#seen.at(-1);
    if (last && done < last.done) this.#seen = [];
    this.#seen.push({ at, done });
    while (this.#seen.length > 2 && at - (this.#seen[0]?.at ?? at) > WINDOW_MS) this.#seen.shift();
  }

  /**
   * @param {number} total
   * @returns {number | null} seconds; null while it cannot be said
   */
  secondsLeft(total) {
    const first = this.#seen[0];
    const last = this.#seen.at(-1);
    if (!first || !last || last.at - first.at < LEAST_MS || last.done <= first.done || total <= last.done) return null;
    return ((total - last.done) * (last.at - first.at)) / (last.done - first.done) / 1000;
  }
}

/**
 * @param {number | null} seconds
 * @returns {string} such as "about 14 min left"; empty when unknown
 */
export function timeLeft(seconds) {
  if (seconds === null || !Number.isFinite(seconds) || seconds < 0) return "";
  if (seconds < 90) return `about ${Math.max(5, Math.round(seconds / 5) * 5)} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}
