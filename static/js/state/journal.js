// @ts-check
/**
 * What a reader said and the server has not acknowledged yet. Written first, sent second.
 *
 * Ward computers are shared: an entry belongs to the person who made it, is sent only for that
 * person, and is only counted for anybody else.
 *
 * @typedef {import("../model/types.js").Rev} Rev
 * @typedef {import("../model/types.js").WireAnswer} WireAnswer
 * @typedef {"draft" | "submit" | "skip"} EntryKind
 * @typedef {{code: string, title: string, detail: string, request_id: string | null, fields?: Record<string, string[]>}} Refusal
 * @typedef {{
 *   id: string, key: string, user: string, study: string, read: string, kind: EntryKind, rev: Rev,
 *   body: object, order: number, not_before: number, state: "waiting" | "refused" | "kept",
 *   refusal: Refusal | null
 * }} Entry `key` is the Idempotency-Key: it stays the same over every repetition of one sending; `kept` is a draft that
 *   the server does not take.
 * @typedef {import("../model/types.js").Answer} Answer
 * @typedef {{answer: Answer, steps: {past: Answer[], future: Answer[]}, drawing: import("./desks.js").Drawing | null}} DeskState
 * @typedef {DeskState & {id: string, user: string, at: number}} KeptDesk never sent; `id` is that of its draft
 */

/** How long undo steps are kept of an image that nobody came back to. */
const DESK_DAYS = 14;

/** Drafts are sent at most this often; the journal has them at once. */
const DRAFT_HOLD_MS = 1500;

export class Journal {
  #last = 0;

  /**
   * @param {import("./shelf.js").Shelf} shelf
   * @param {{user: string, study: string, now: () => number, newKey: () => string}} options
   */
  constructor(shelf, { user, study, now, newKey }) {
    this.shelf = shelf;
    this.user = user;
    this.study = study;
    this.now = now;
    this.newKey = newKey;
  }

  /** Whether entries outlive the page. */
  get keeps() {
    return this.shelf.keeps;
  }

  /**
   * Keeps a draft, and with it what only this page has: steps of undoing, and the shape that is being drawn. The ones
   * before them, of the same read, are replaced.
   *
   * @param {string} read
   * @param {Rev} rev
   * @param {WireAnswer} answer
   * @param {DeskState} [desk]
   */
  async keepDraft(read, rev, answer, desk) {
    const entry = this.#entry({ kind: "draft", read, rev, body: answer, not_before: this.now() + DRAFT_HOLD_MS });
    entry.id = this.#draftId(read);
    await this.shelf.put(entry, desk && { ...desk, id: entry.id, user: this.user, at: this.now() });
    return entry;
  }

  /**
   * @param {string} read
   * @returns {Promise<DeskState | undefined>} as it was kept with the newest draft of this person
   */
  deskOf(read) {
    return this.shelf.desk(this.#draftId(read));
  }

  /** Forgets the desks that nobody came back to, and with `all` every one of this person. @param {boolean} [all] */
  async clearDesks(all = false) {
    const oldest = this.now() - DESK_DAYS * 86_400_000;
    for (const { id, user, at } of await this.shelf.desks()) {
      if (at < oldest || (all && user === this.user)) await this.shelf.removeDesk(id);
    }
  }

  /**
   * Keeps a submission or a skip, which makes a waiting draft of the same read superfluous.
   *
   * @param {"submit" | "skip"} kind
   * @param {string} read
   * @param {Rev} rev
   * @param {object} body
   * @param {number} [holdMs] how long it may still be taken back
   */
  async keepFinal(kind, read, rev, body, holdMs = 0) {
    const entry = this.#entry({ kind, read, rev, body, not_before: this.now() + holdMs });
    await this.shelf.put(entry);
    await this.shelf.remove(this.#draftId(read));
    await this.shelf.removeDesk(this.#draftId(read));
    return entry;
  }

  /**
   * Changes an entry if it is still there as it was sent; a newer draft in its place stays as it is.
   *
   * @param {Entry} sent
   * @param {Partial<Entry>} change
   */
  async update(sent, change) {
    const stored = await this.shelf.get(sent.id);
    if (stored?.key !== sent.key) return null;
    const entry = { ...stored, ...change };
    await this.shelf.put(entry);
    return entry;
  }

  /** @param {Entry} sent */
  async remove(sent) {
    const stored = await this.shelf.get(sent.id);
    if (stored?.key === sent.key) await this.shelf.remove(sent.id);
  }

  /**
   * Takes an entry back out before it is due, so that it is never sent.
   *
   * @param {Entry} entry
   * @returns {Promise<boolean>} false when it is too late
   */
  async take(entry) {
    const stored = await this.shelf.get(entry.id);
    if (stored?.key !== entry.key || stored.not_before <= this.now()) return false;
    await this.shelf.remove(entry.id);
    return true;
  }

  /** @returns {Promise<Entry[]>} this person's, oldest first */
  async mine() {
    const entries = await this.shelf.all();
    return entries.filter(({ user }) => user === this.user).sort((a, b) => a.order - b.order);
  }

  /** How many unsent answers of other people lie on this computer. */
  async countOthers() {
    const entries = await this.shelf.all();
    return entries.filter(({ user, kind }) => user !== this.user && kind !== "draft").length;
  }

  /** @param {Omit<Entry, "id" | "key" | "user" | "study" | "order" | "state" | "refusal">} part */
  #entry(part) {
    const key = this.newKey();
    // Time in microseconds, raised so that two entries of one millisecond keep their order.
    this.#last = Math.max(this.#last + 1, this.now() * 1000);
    /** @type {Entry} */
    const entry = {
      ...part, id: key, key, user: this.user, study: this.study, order: this.#last, state: "waiting", refusal: null,
    };
    return entry;
  }

  /** @param {string} read */
  #draftId(read) {
    return `draft:${this.user}:${read}`;
  }
}
