// @ts-check
/**
 * Sends an upload file by file: several at once, each with its own progress and its own retries. What has come stays with
 * the server, so going on after a failure sends only what is missing.
 *
 * @typedef {import("../model/upload.js").Entry} Entry
 * @typedef {{
 *   open: (sizes: number[]) => Promise<string>,
 *   missing: (upload: string) => Promise<number[] | null>,
 *   put: (upload: string, place: number, file: any, onSent: (bytes: number) => void, signal: AbortSignal) => Promise<void>,
 *   finish: (upload: string) => Promise<void>,
 *   drop: (upload: string) => Promise<void>,
 *   pause: (ms: number) => Promise<void>,
 * }} Door to the server
 */

import { Problem } from "../errors.js";

const AT_ONCE = 3;
const TRIES = 4;
const FIRST_PAUSE_MS = 500;

export class Sending {
  /** @type {string | null} */
  #upload = null;
  /** @type {AbortController | null} */
  #abort = null;

  /**
   * @param {Entry[]} entries by place
   * @param {Door} door
   * @param {(entry: Entry) => void} onChange
   */
  constructor(entries, door, onChange) {
    this.entries = entries;
    this.door = door;
    this.onChange = onChange;
  }

  /** The id of the open upload, which becomes that of its ingest. */
  get upload() {
    return this.#upload;
  }

  /**
   * Send what is missing, then have it read.
   *
   * @returns {Promise<boolean>} whether everything came; else the entries say what failed
   * @throws {Problem} the upload as a whole was refused
   */
  async run() {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const waiting = await this.#resume();
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      for (let place = waiting.shift(); place !== undefined && !signal.aborted; place = waiting.shift()) {
        if (!(await this.#send(place, signal))) waiting.length = 0;
      }
    });
    await Promise.all(lanes);
    if (signal.aborted || this.entries.some(({ state }) => state !== "sent")) return false;
    await this.door.finish(/** @type {string} */ (this.#upload));
    return true;
  }

  /** Stop, and have the server drop what came; everything stays chosen. */
  async cancel() {
    this.#abort?.abort();
    const upload = this.#upload;
    this.#upload = null;
    for (const entry of this.entries) this.#set(entry, "waiting", 0);
    if (upload) await this.door.drop(upload).catch(() => undefined);
  }

  /** Where an earlier try left off, or from the start. */
  async #resume() {
    const left = this.#upload ? await this.door.missing(this.#upload) : null;
    if (left === null) this.#upload = await this.door.open(this.entries.map(({ size }) => size));
    const missing = new Set(left ?? this.entries.keys());
    for (const [place, entry] of this.entries.entries()) {
      if (missing.has(place)) this.#set(entry, "waiting", 0);
      else this.#set(entry, "sent", entry.size);
    }
    return [...missing];
  }

  /**
   * @param {number} place
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>} false where there is no use in sending the others
   */
  async #send(place, signal) {
    const entry = /** @type {Entry} */ (this.entries[place]);
    for (let attempt = 1; ; attempt += 1) {
      this.#set(entry, "sending", 0);
      try {
        await this.door.put(/** @type {string} */ (this.#upload), place, entry.file, (bytes) => this.#set(entry, "sending", bytes), signal);
        this.#set(entry, "sent", entry.size);
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        const passing = error instanceof Problem && error.isPassing;
        if (!passing || attempt >= TRIES) {
          this.#set(entry, "failed", 0, error instanceof Error ? error.message : String(error));
          // A refusal of this one file does not keep the others; a line that is down, or a login that ended, does.
          return error instanceof Problem && !passing && error.status === 422;
        }
        await this.door.pause((error.retryAfter ?? 0) * 1000 || FIRST_PAUSE_MS * 2 ** attempt);
      }
    }
  }

  /**
   * @param {Entry} entry
   * @param {import("../model/upload.js").State} state
   * @param {number} sent
   * @param {string} [problem]
   */
  #set(entry, state, sent, problem = "") {
    Object.assign(entry, { state, sent: Math.min(sent, entry.size), problem });
    this.onChange(entry);
  }
}
