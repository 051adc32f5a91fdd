// @ts-check
/**
 * The answers begun on this page, by read: each with its undo history and the time it took so far.
 *
 * @typedef {import("../model/types.js").Answer} Answer
 * @typedef {import("../model/types.js").Read} Read
 * @typedef {import("../model/types.js").WireAnswer} WireAnswer
 * @typedef {{history: History<Answer>, spent: {active: number, idle: number}}} Desk
 */

import { fromWire } from "../model/answer.js";
import { History } from "./history.js";

export class Desks {
  /** @type {Map<string, Desk>} */
  #byRead = new Map();

  /**
   * @param {import("./journal.js").Journal} journal
   * @param {() => string} newId for shapes
   */
  constructor(journal, newId) {
    this.journal = journal;
    this.newId = newId;
  }

  /** @param {string} read */
  has(read) {
    return this.#byRead.has(read);
  }

  /** @param {string} read */
  get(read) {
    return this.#byRead.get(read) ?? null;
  }

  /** @param {string} read @param {Desk} desk */
  set(read, desk) {
    this.#byRead.set(read, desk);
  }

  /** @param {string} read */
  delete(read) {
    this.#byRead.delete(read);
  }

  clear() {
    this.#byRead.clear();
  }

  /**
   * What this page has; else the draft in the journal, which is newer than the one the server sent.
   *
   * @param {Read} read
   * @returns {Promise<Desk>}
   */
  async find(read) {
    const known = this.#byRead.get(read.id);
    if (known) return known;
    const kept = (await this.journal.mine()).find((entry) => entry.read === read.id && entry.kind === "draft");
    const wire = /** @type {WireAnswer | null} */ (kept?.body ?? read.draft);
    const spent = { active: wire?.active_seconds ?? 0, idle: wire?.idle_seconds ?? 0 };
    return { history: new History(fromWire(wire, this.newId)), spent };
  }
}
