// @ts-check
/**
 * Sends what the journal holds: in order, one at a time, again and again until it is acknowledged.
 *
 * @typedef {import("./journal.js").Entry} Entry
 * @typedef {import("./journal.js").Journal} Journal
 * @typedef {import("../model/types.js").Rev} Rev
 * @typedef {{rev?: Rev, state?: string}} Receipt
 * @typedef {{waiting: number, refused: Entry[], offline: boolean, needsLogin: boolean}} Standing
 * @typedef {{
 *   journal: Journal,
 *   send: (entry: Entry, rev: Rev) => Promise<Receipt>,
 *   now: () => number,
 *   schedule: (work: () => void, ms: number) => unknown,
 *   onChange?: (standing: Standing) => void,
 *   onReceipt?: (entry: Entry, receipt: Receipt) => void,
 *   onKeptAside?: (entry: Entry) => void,
 *   onRefused?: (entry: Entry, problem: Problem) => void,
 * }} Options
 */

import { Problem } from "../errors.js";

/** Seconds to wait after the first, second … failure in a row. */
export const PAUSES = [1, 2, 5, 10, 20, 40, 60];

export class Outbox {
  /** @type {Promise<void> | null} */
  #running = null;
  #again = false;
  #failures = 0;
  /** @type {Map<string, Rev>} the newest rev that the server told us, by read */
  #revs = new Map();
  /** @type {Set<string>} reads for which a stale rev was renewed once already */
  #renewed = new Set();
  offline = false;
  needsLogin = false;
  /** What was waiting when last looked: at hand at once when the page goes away. @type {Entry[]} */
  waiting = [];

  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.journal = options.journal;
  }

  /**
   * @param {string} read
   * @param {Rev} rev
   * @returns {Rev} the newest known
   */
  revOf(read, rev) {
    return this.#revs.get(read) ?? rev;
  }

  /**
   * Sends everything that is due. Calls during a run make it go round once more.
   *
   * @returns {Promise<void>}
   */
  flush() {
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** The person has logged in again, or the line is back: start afresh at once. */
  resume() {
    this.needsLogin = false;
    this.#failures = 0;
    return this.flush();
  }

  /** Sends at once, without the moment in which an answer can be taken back. */
  async hurry() {
    await this.standing();
    for (const entry of this.waiting) await this.journal.update(entry, { not_before: 0 });
    return this.resume();
  }

  /** @returns {Promise<Standing>} */
  async standing() {
    const mine = await this.journal.mine();
    this.waiting = mine.filter(({ state }) => state === "waiting");
    return {
      waiting: this.waiting.length,
      refused: mine.filter(({ state }) => state === "refused"),
      offline: this.offline,
      needsLogin: this.needsLogin,
    };
  }

  /**
   * Tries a refused entry once more, under a new key, since the old one answers as it did.
   *
   * @param {Entry} entry
   */
  async retry(entry) {
    await this.journal.update(entry, { state: "waiting", refusal: null, key: this.journal.newKey() });
    return this.flush();
  }

  /** @param {Entry} entry */
  async drop(entry) {
    await this.journal.remove(entry);
    await this.#tell();
  }

  async #run() {
    do {
      this.#again = false;
      await this.#round();
    } while (this.#again && !this.needsLogin);
    await this.#tell();
  }

  async #round() {
    const waiting = (await this.journal.mine()).filter(({ state }) => state === "waiting");
    await this.#tell();
    for (const entry of waiting) {
      if (this.needsLogin) return;
      const early = entry.not_before - this.options.now();
      if (early > 0) this.#wakeIn(early);
      else if (!(await this.#sendOne(entry))) return;
    }
  }

  /**
   * @param {Entry} entry
   * @returns {Promise<boolean>} whether the next one may be tried
   */
  async #sendOne(entry) {
    // Taken back, or replaced by a newer draft, while earlier entries were on their way.
    if ((await this.journal.shelf.get(entry.id))?.key !== entry.key) return true;
    try {
      const receipt = await this.options.send(entry, this.revOf(entry.read, entry.rev));
      await this.#acknowledged(entry, receipt);
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return this.#failed(entry, error);
    }
  }

  /**
   * @param {Entry} entry
   * @param {Receipt} receipt
   */
  async #acknowledged(entry, receipt) {
    this.#failures = 0;
    this.offline = false;
    if (receipt.rev !== undefined) this.#revs.set(entry.read, receipt.rev);
    await this.journal.remove(entry);
    this.options.onReceipt?.(entry, receipt);
    await this.#tell();
  }

  /**
   * @param {Entry} entry
   * @param {Problem} problem
   */
  async #failed(entry, problem) {
    if (problem.needsLogin) {
      this.needsLogin = true;
      return false;
    }
    if (problem.isPassing) {
      this.offline = problem.isOffline;
      this.#wakeIn(1000 * (PAUSES[Math.min(this.#failures, PAUSES.length - 1)] ?? 60));
      this.#failures += 1;
      return false;
    }
    if (problem.code === "lease_lost") {
      await this.journal.remove(entry);
      this.options.onKeptAside?.(entry);
      return true;
    }
    if (problem.status === 412 && (await this.#renewRev(entry, problem))) {
      this.#again = true;
      return true;
    }
    await this.#refused(entry, problem);
    return true;
  }

  /**
   * A stale rev is most often our own: the acknowledgement of an earlier draft got lost on its way.
   * The newer answer of the same reader is sent on top of it once; a second refusal is shown.
   *
   * @param {Entry} entry
   * @param {Problem} problem
   */
  async #renewRev(entry, problem) {
    const current = /** @type {{rev?: Rev} | undefined} */ (problem.extra.current)?.rev ?? problem.extra.rev;
    if ((typeof current !== "number" && typeof current !== "string") || this.#renewed.has(entry.key)) return false;
    this.#revs.set(entry.read, current);
    const key = this.journal.newKey();
    this.#renewed.add(key);
    return (await this.journal.update(entry, { rev: current, key })) !== null;
  }

  /**
   * @param {Entry} entry
   * @param {Problem} problem
   */
  async #refused(entry, problem) {
    if (entry.kind === "draft") {
      // What matters follows with the submission; a draft alone is not worth an alarm. It stays where it is safe.
      await this.journal.update(entry, { state: "kept" });
      return;
    }
    const { code, title, message: detail, requestId: request_id, fieldErrors: fields } = problem;
    await this.journal.update(entry, { state: "refused", refusal: { code, title, detail, request_id, fields } });
    this.options.onRefused?.(entry, problem);
  }

  /** @param {number} ms */
  #wakeIn(ms) {
    this.options.schedule(() => void this.flush(), ms);
  }

  async #tell() {
    this.options.onChange?.(await this.standing());
  }
}
