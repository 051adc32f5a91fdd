// @ts-check
/**
 * A server of reads in memory, with the rules of the real one that the page relies on: leases held
 * come first in a claim, at most three, `rev` as a precondition, an Idempotency-Key answers the same
 * again. It can lose answers, be away, log people out and refuse.
 *
 * @typedef {import("../../static/js/model/types.js").Read} Read
 * @typedef {import("../../static/js/state/journal.js").Entry} Entry
 * @typedef {{id: string, state: "open" | "leased" | "submitted", rev: number, draft: any, answer: any}} Row
 */
import { Problem } from "../../static/js/errors.js";

export class FakeServer {
  /** @type {Row[]} */
  rows = [];
  /** @type {Map<string, object>} */
  #answers = new Map();
  /** @type {Error | null} thrown instead of answering */
  away = null;
  /** The work is done but its answer is lost, this many times. */
  losesAnswers = 0;
  /** @type {Record<string, Problem>} by read: its submission is refused with this */
  refusals = {};
  /** Every draft is refused with this. @type {Problem | null} */
  draftRefusal = null;
  /** @type {string[]} */
  log = [];

  /** @param {number} count */
  constructor(count) {
    this.rows = Array.from({ length: count }, (_, index) => ({ id: `r${index}`, state: "open", rev: 1, draft: null, answer: null }));
  }

  /** @param {number} count */
  async claim(count) {
    this.#check();
    const held = this.rows.filter(({ state }) => state === "leased");
    const fresh = this.rows.filter(({ state }) => state === "open");
    const given = [...held, ...fresh].slice(0, Math.min(count, 3));
    for (const row of given) row.state = "leased";
    this.log.push(`claim ${count}: ${given.map(({ id }) => id).join(" ")}`);
    return { reads: given.map((row) => this.#read(row)), reason: given.length > 0 ? null : "all_done", until: null };
  }

  /** @param {Read} read @returns {Promise<import("../../static/js/model/types.js").Raster>} */
  async pixels(read) {
    this.#check();
    return { width: 2, height: 2, channels: 1, bits: 8, samples: new Uint8Array([1, 2, 3, Number(read.id.slice(1))]) };
  }

  /** @param {Entry} entry @param {import("../../static/js/model/types.js").Rev} rev */
  async send(entry, rev) {
    this.#check();
    const known = this.#answers.get(entry.key);
    if (known) return known;
    const row = this.rows.find(({ id }) => id === entry.read) ?? fail(404, "not_found");
    const refusal = entry.kind === "submit" ? this.refusals[row.id] : entry.kind === "draft" && this.draftRefusal;
    if (refusal) throw refusal;
    if (rev !== row.rev) fail(412, "stale_version", { current: { rev: row.rev, draft: row.draft } });
    row.rev += 1;
    if (entry.kind === "draft") row.draft = entry.body;
    if (entry.kind === "submit") Object.assign(row, { state: "submitted", answer: entry.body });
    if (entry.kind === "skip") row.state = "open";
    this.log.push(`${entry.kind} ${row.id}`);
    const answer = { rev: row.rev, state: row.state };
    this.#answers.set(entry.key, answer);
    if (this.losesAnswers > 0) {
      this.losesAnswers -= 1;
      fail(0, "offline");
    }
    return answer;
  }

  #check() {
    if (this.away) throw this.away;
  }

  /** @param {Row} row @returns {Read} */
  #read({ id, rev, state, draft }) {
    const done = this.rows.filter((row) => row.state === "submitted").length;
    return { id, rev, state, draft, lease_until: null, pixels_url: `/${id}`, progress: { done, total: this.rows.length, eta_seconds: null } };
  }
}

/**
 * @param {number} status
 * @param {string} code
 * @param {Record<string, unknown>} [extra]
 * @returns {never}
 */
export function fail(status, code, extra = {}) {
  throw new Problem({ status, code, extra });
}

/** Time and timers that go on when a test says so. */
export class FakeTime {
  ms = 1_000_000;
  /** @type {{at: number, work: () => void}[]} */
  #timers = [];

  now = () => this.ms;

  /** @param {() => void} work @param {number} ms */
  schedule = (work, ms) => {
    this.#timers.push({ at: this.ms + ms, work });
  };

  /** Lets time pass and everything that it sets off settle. @param {number} ms */
  async pass(ms) {
    const until = this.ms + ms;
    for (;;) {
      await settle();
      const due = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.ms = Math.max(this.ms, due.at);
      due.work();
    }
    this.ms = until;
    await settle();
  }
}

/** The database double works with timers of its own: give it room. */
export async function settle() {
  for (let round = 0; round < 12; round += 1) await new Promise((resolve) => setTimeout(resolve, 0));
}
