// @ts-check
/**
 * One reader's sitting: which read is on the table, what was said about it, and where that goes.
 * Knows no page: tests drive it with a fake server.
 *
 * @typedef {import("../model/types.js").Answer} Answer
 * @typedef {import("../model/types.js").Progress} Progress
 * @typedef {import("../model/types.js").Raster} Raster
 * @typedef {import("../model/types.js").Read} Read
 * @typedef {import("../model/types.js").Schema} Schema
 * @typedef {import("../model/answer.js").Missing} Missing
 * @typedef {import("./queue.js").Ready} Ready
 * @typedef {import("./journal.js").Entry} Entry
 * @typedef {import("./desks.js").Desk} Desk
 * @typedef {import("./desks.js").Drawing} Drawing
 * @typedef {{
 *   phase: "starting" | "loading" | "reading" | "empty" | "failed", read: Read | null,
 *   raster: Raster | null, answer: Answer, drawing: Drawing | null, end: {reason: string | null, until: string | null},
 *   progress: Progress | null, error: unknown
 * }} ReadingState
 * @typedef {{
 *   schema: Schema, queue: import("./queue.js").ReadQueue, journal: import("./journal.js").Journal,
 *   outbox: import("./outbox.js").Outbox, clock: import("./activity.js").ActivityClock,
 *   newId: () => string, schedule: (work: () => void, ms: number) => unknown,
 *   onProblem?: (error: unknown) => void
 * }} Options
 */

import { emptyAnswer, missingFrom, toWire } from "../model/answer.js";
import { Desks, isBlank } from "./desks.js";
import { Store } from "./store.js";

/** How long a submission may be taken back before it is sent. */
export const HOLD_MS = 5000;
const DRAFT_PAUSE_MS = 400;

export class Reading {
  /** @type {Desks} */
  #desks;
  /** @type {{entry: Entry, ready: Ready, desk: Desk} | null} */
  #last = null;
  #draftDue = false;
  #finishing = false;

  /** @param {Options} options */
  constructor(options) {
    const { schema, queue, journal, outbox, clock } = options;
    this.options = options;
    this.schema = schema;
    this.queue = queue;
    this.journal = journal;
    this.outbox = outbox;
    this.clock = clock;
    this.#desks = new Desks(journal, options.newId);
    /** @type {Store<ReadingState>} */
    this.store = new Store(
      /** @type {ReadingState} */ ({
        phase: "starting", read: null, raster: null, answer: emptyAnswer(), drawing: null,
        end: { reason: null, until: null }, progress: null, error: null,
      }),
    );
  }

  get answer() {
    return this.store.state.answer;
  }

  /** Sends what an earlier visit left, then puts the first read on the table. */
  async start() {
    const mine = await this.journal.mine();
    await this.journal.clearDesks();
    this.queue.hide(mine.filter(({ kind }) => kind !== "draft").map(({ read }) => read));
    await this.outbox.flush();
    await this.next();
  }

  /** Puts the next read on the table; claims when there is none. */
  async next() {
    if (!this.queue.current) {
      this.store.set({ phase: "loading", read: null, raster: null });
      if (!(await this.refill())) return;
    }
    await this.#show();
    void this.refill();
  }

  /** @returns {Promise<boolean>} whether the server answered */
  async refill() {
    try {
      await this.queue.fill();
      this.#tellProgress(this.queue.progress);
      if (this.store.state.phase === "empty") await this.#show();
      return true;
    } catch (error) {
      if (!this.queue.current) this.store.set({ phase: "failed", error });
      this.options.onProblem?.(error);
      return false;
    }
  }

  /**
   * @param {Answer} answer
   * @param {string | null} [merge] see `History.push`
   */
  change(answer, merge = null) {
    const desk = this.#desk();
    if (!desk || answer === desk.history.present) return;
    desk.history.push(answer, merge);
    this.#changed(desk);
  }

  /** Remembers the shape that is being drawn: it outlives a crash. @param {Drawing | null} drawing */
  begin(drawing) {
    const desk = this.#desk();
    if (!desk || (drawing === null && desk.drawing === null)) return;
    desk.drawing = drawing;
    this.#queueDraft();
  }

  /** Undoes a change; with none left, takes back the submission before. @returns {Promise<boolean>} */
  async undo() {
    const desk = this.#desk();
    if (desk?.history.undo()) {
      this.#changed(desk);
      return true;
    }
    return this.takeBack();
  }

  /** @returns {boolean} */
  redo() {
    const desk = this.#desk();
    if (!desk?.history.redo()) return false;
    this.#changed(desk);
    return true;
  }

  /** @returns {Promise<Missing[]>} what is still missing; when nothing is, the next read is up */
  async submit() {
    const missing = missingFrom(this.answer, this.schema);
    if (missing.length === 0) await this.#finish("submit", toWire(this.answer, this.clock.read()));
    return missing;
  }

  /** @param {string} reason key of a discard reason */
  async discard(reason) {
    await this.#finish("submit", toWire(this.answer, { discardReason: reason, ...this.clock.read() }));
  }

  /** @param {"later" | "not_my_field"} kind */
  async skip(kind) {
    await this.#finish("skip", { kind });
  }

  /** Takes the last submission back while it has not been sent. @returns {Promise<boolean>} */
  async takeBack() {
    const last = this.#last;
    this.#last = null;
    if (!last || last.entry.not_before <= this.journal.now()) return false;
    if (!(await this.journal.take(last.entry))) return false;
    this.#putDown();
    this.queue.putBack(last.ready);
    this.#desks.set(last.ready.read.id, last.desk);
    this.#count(-1);
    await this.#show();
    this.#queueDraft();
    return true;
  }

  /** Puts an own answer that was taken up again on the table, before what lies there. @param {Read} read */
  async takeUp(read) {
    this.#putDown();
    this.queue.bring(read);
    this.#count(-1);
    await this.#show();
  }

  /** Writes the answer on the table into the journal now. */
  async saveDraft() {
    this.#draftDue = false;
    const { read, answer } = this.store.state;
    const desk = this.#desk();
    if (!read || !desk || isBlank(desk) || this.#finishing) return;
    const rev = this.outbox.revOf(read.id, read.rev);
    const { history, drawing } = desk;
    await this.journal.keepDraft(read.id, rev, toWire(answer, this.clock.read()), { answer, steps: history.steps, drawing });
    desk.isKept = true;
    void this.outbox.flush();
  }

  /** The image on the table is somebody else's now: the next one comes up, and nothing more is written about this one. */
  async letGo() {
    const { read } = this.store.state;
    if (!read) return;
    this.#desks.delete(read.id);
    this.queue.drop(read.id);
    await this.next();
  }

  /** Stops because another tab reads now: nothing is released, nothing more is written. */
  stop() {
    this.queue.clear();
    this.#desks.clear();
    this.#last = null;
    this.store.set({ phase: "empty", read: null, raster: null, answer: emptyAnswer(), end: { reason: "elsewhere", until: null } });
  }

  /** @returns {Read[]} reads that can go back to the pool because nothing was said about them */
  untouched() {
    return this.queue.held.filter(({ id }) => {
      const desk = this.#desks.get(id);
      return desk === null || isBlank(desk);
    });
  }

  /**
   * @param {"submit" | "skip"} kind
   * @param {object} body
   */
  async #finish(kind, body) {
    const ready = this.queue.current;
    const desk = this.#desk();
    if (!ready || !desk || this.#finishing || this.store.state.phase !== "reading") return;
    this.#finishing = true;
    try {
      const previous = this.#last?.entry;
      if (previous) await this.journal.update(previous, { not_before: 0 });
      const rev = this.outbox.revOf(ready.read.id, ready.read.rev);
      const entry = await this.journal.keepFinal(kind, ready.read.id, rev, body, HOLD_MS);
      desk.spent = this.clock.read();
      this.#last = { entry, ready, desk };
    } catch (error) {
      this.options.onProblem?.(error);
      return;
    } finally {
      this.#finishing = false;
    }
    this.#desks.delete(ready.read.id);
    this.queue.advance();
    this.#count(kind === "submit" ? 1 : 0);
    void this.outbox.flush();
    // Until the server has the answer it counts that read as held: what is claimed now would be the same ones again.
    await (this.queue.current ? this.#show() : this.next());
  }

  async #show() {
    const ready = this.queue.current;
    if (!ready) {
      this.store.set({ phase: "empty", read: null, raster: null, answer: emptyAnswer(), end: this.queue.end });
      return;
    }
    const { read } = ready;
    this.store.set({ phase: "loading", read: null });
    const desk = await this.#desks.find(read);
    try {
      const raster = await ready.pixels;
      if (this.queue.current !== ready) return;
      this.#desks.set(read.id, desk);
      this.clock.reset(desk.spent);
      this.store.set({ phase: "reading", read, raster, answer: desk.history.present, drawing: desk.drawing, error: null });
    } catch (error) {
      if (this.queue.current !== ready) return;
      this.queue.drop(read.id);
      this.store.set({ phase: "failed", read: null, raster: null, error });
      this.options.onProblem?.(error);
    }
  }

  #desk() {
    const { read, phase } = this.store.state;
    return read && phase === "reading" ? this.#desks.get(read.id) : null;
  }

  /** Remembers how long the read on the table took so far, before another one comes up. */
  #putDown() {
    const desk = this.#desk();
    if (desk) desk.spent = this.clock.read();
    void this.saveDraft();
  }

  /** @param {Desk} desk */
  #changed(desk) {
    this.store.set({ answer: desk.history.present });
    this.#queueDraft();
  }

  #queueDraft() {
    if (this.#draftDue) return;
    this.#draftDue = true;
    this.options.schedule(() => void this.saveDraft().catch((error) => this.options.onProblem?.(error)), DRAFT_PAUSE_MS);
  }

  /** @param {Progress | null} told by the server; what is still on its way to it counts here already */
  #tellProgress(told) {
    const known = this.store.state.progress;
    if (!told) return;
    this.store.set({ progress: { ...told, done: Math.max(told.done, known?.done ?? 0) } });
  }

  /** @param {number} step */
  #count(step) {
    const { progress } = this.store.state;
    if (progress) this.store.set({ progress: { ...progress, done: Math.max(0, progress.done + step) } });
  }
}
