// @ts-check
/**
 * The answers begun on this page, by read: each with its undo history, the shape that is being drawn and the time it took.
 *
 * @typedef {import("../model/types.js").Answer} Answer
 * @typedef {import("../model/types.js").Read} Read
 * @typedef {import("../model/types.js").WireAnswer} WireAnswer
 * @typedef {{tool: string, points: import("../model/types.js").Point[]}} Drawing a shape that is not finished
 * @typedef {{history: History<Answer>, drawing: Drawing | null, spent: {active: number, idle: number}, isKept: boolean}} Desk
 *   `isKept`: it stands in the journal or with the server, so that taking everything back has to be written, too.
 */

import { fromWire, isUntouched, saysTheSame, toWire } from "../model/answer.js";
import { History } from "./history.js";

/** Whether nobody has said anything yet. @param {Desk} desk */
export function isBlank({ history, drawing, isKept }) {
  return !isKept && drawing === null && isUntouched(history.present);
}

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
   * What this page has; else the draft in the journal, which is newer than the one the server sent. The steps of undoing
   * come back with it if they lead to that very draft: it may have been changed on another computer since.
   *
   * @param {Read} read
   * @returns {Promise<Desk>}
   */
  async find(read) {
    const known = this.#byRead.get(read.id);
    if (known) return known;
    const draft = (await this.journal.mine()).find((entry) => entry.read === read.id && entry.kind === "draft");
    const wire = /** @type {WireAnswer | null} */ (draft?.body ?? read.draft);
    const spent = { active: wire?.active_seconds ?? 0, idle: wire?.idle_seconds ?? 0 };
    const isKept = wire !== null;
    const kept = await this.journal.deskOf(read.id);
    if (!kept || !wire || !saysTheSame(toWire(kept.answer, { active: 0, idle: 0 }), wire)) {
      return { history: new History(fromWire(wire, this.newId)), drawing: null, spent, isKept };
    }
    return { history: new History(kept.answer, kept.steps), drawing: kept.drawing, spent, isKept };
  }
}
