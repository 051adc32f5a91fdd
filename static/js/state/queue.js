// @ts-check
/**
 * The read on the table and the next ones behind it, their pixels already in memory.
 *
 * @typedef {import("../model/types.js").Claim} Claim
 * @typedef {import("../model/types.js").Progress} Progress
 * @typedef {import("../model/types.js").Raster} Raster
 * @typedef {import("../model/types.js").Read} Read
 * @typedef {{read: Read, pixels: Promise<Raster>}} Ready
 * @typedef {{claim(count: number): Promise<Claim>, pixels(read: Read): Promise<Raster>}} Source
 */

/** The read on the table and two more. */
export const MOST_HELD = 3;

export class ReadQueue {
  /** @type {Ready[]} */
  #ready = [];
  /** @type {Set<string>} reads answered on this page: the server may still offer them until it has the answer */
  #answered = new Set();
  /** @type {Promise<void> | null} */
  #filling = null;
  /** @type {{reason: string | null, until: string | null}} */
  end = { reason: null, until: null };
  /** What the server last told of the reader's progress. @type {Progress | null} */
  progress = null;

  /**
   * @param {Source} source
   * @param {(read: string) => void} [onLent] told of every read that comes into hand
   */
  constructor(source, onLent = () => {}) {
    this.source = source;
    this.onLent = onLent;
  }

  /** @returns {Ready | null} */
  get current() {
    return this.#ready[0] ?? null;
  }

  /** @returns {Read[]} */
  get held() {
    return this.#ready.map(({ read }) => read);
  }

  /** @param {Iterable<string>} reads ids that have an unsent answer in the journal */
  hide(reads) {
    for (const read of reads) this.#answered.add(read);
  }

  /** Takes the current read off the table, answered. */
  advance() {
    const done = this.#ready.shift();
    if (done) this.#answered.add(done.read.id);
    return this.current;
  }

  /**
   * Puts an answered read back on the table (its answer was taken back).
   *
   * @param {Ready} ready
   */
  putBack(ready) {
    this.#answered.delete(ready.read.id);
    this.#ready.unshift(ready);
  }

  /** @param {Read} read taken up again: it comes before all others */
  bring(read) {
    this.#answered.delete(read.id);
    this.#ready.unshift(this.#readied(read));
  }

  /** Takes everything off the table: another tab goes on with it. */
  clear() {
    this.#ready = [];
  }

  /**
   * @param {string} id of a read in hand
   * @param {string | null} until when its lease now runs
   */
  renewed(id, until) {
    for (const { read } of this.#ready) if (read.id === id) read.lease_until = until;
  }

  /** @param {string} id of a read whose lease is gone */
  drop(id) {
    this.#ready = this.#ready.filter(({ read }) => read.id !== id);
  }

  /** @param {string} id a read that may be offered again (skipped for later) */
  unhide(id) {
    this.#answered.delete(id);
  }

  /**
   * @param {Read} read
   * @returns {Ready}
   */
  #readied(read) {
    const pixels = this.source.pixels(read);
    this.onLent(read.id);
    pixels.catch(() => {}); // whoever looks at it handles the failure; nobody may ever look
    return { read, pixels };
  }

  /** Claims until the table is full or there is nothing more. @returns {Promise<void>} */
  fill() {
    this.#filling ??= this.#claim().finally(() => {
      this.#filling = null;
    });
    return this.#filling;
  }

  async #claim() {
    if (this.#ready.length >= MOST_HELD) return;
    // The server counts what it has lent us already, and offers it again.
    const claim = await this.source.claim(MOST_HELD);
    for (const read of claim.reads) {
      if (this.#knows(read.id)) this.renewed(read.id, read.lease_until);
      else this.#ready.push(this.#readied(read));
    }
    this.progress = claim.reads.at(-1)?.progress ?? this.progress;
    // All it offers are reads whose answers are still on their way to it.
    const isWaiting = this.#ready.length === 0 && claim.reads.length > 0;
    this.end = { reason: isWaiting ? "sending" : claim.reason, until: claim.until };
  }

  /** @param {string} id */
  #knows(id) {
    return this.#answered.has(id) || this.#ready.some(({ read }) => read.id === id);
  }
}
