// @ts-check
/**
 * How long the images in hand are still this reader's. Pure: time comes from outside.
 *
 * Counted from the moment the server answered, by this computer's clock alone: ward computers' clocks are wrong by minutes.
 */

/** From how many seconds before its end on the end of a lease is told. */
export const NOTICE_SECONDS = 120;

export class Leases {
  /** @type {Map<string, number>} when each ends */
  #ends = new Map();

  /** @param {{now: () => number, seconds: number}} options `now` in milliseconds; `seconds` that a lease runs */
  constructor({ now, seconds }) {
    this.now = now;
    this.seconds = seconds;
  }

  /** @param {string} read just lent, or lent for longer */
  begin(read) {
    this.#ends.set(read, this.now() + this.seconds * 1000);
  }

  /** @param {string} read */
  end(read) {
    this.#ends.delete(read);
  }

  /**
   * @param {string | null | undefined} read
   * @returns {number | null} whole seconds, 0 once it has ended; null while there is nothing to tell
   */
  toTell(read) {
    const end = read ? this.#ends.get(read) : undefined;
    if (end === undefined) return null;
    const left = Math.max(0, Math.ceil((end - this.now()) / 1000));
    return left <= NOTICE_SECONDS ? left : null;
  }
}
