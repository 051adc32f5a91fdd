// @ts-check
/**
 * The heartbeat of the reading page: from a visible tab in which somebody is at work, so that a forgotten one gives its
 * images back. Before that happens the reader is told, and one press keeps the image.
 *
 * @typedef {import("../state/queue.js").ReadQueue} ReadQueue
 * @typedef {import("../state/lease.js").Leases} Leases
 */

import { Problem } from "../errors.js";
import { LeaseNotice } from "../view/lease-notice.js";

/** Whoever does nothing for this long is away. */
const AWAY_MS = 10 * 60_000;
const TICK_MS = 1000;

export class Heartbeat {
  #lastSign = Date.now();
  /** @type {Promise<void> | null} the round of renewals that is under way */
  #round = null;
  #notice = new LeaseNotice(() => void this.extend());

  /**
   * @param {{
   *   renew: (read: string) => Promise<unknown>, queue: ReadQueue, leases: Leases, seconds: number,
   *   say: (text: string) => void, onLost: (problem: Problem) => void, onProblem: (error: unknown) => void
   * }} parts
   */
  constructor(parts) {
    this.parts = parts;
  }

  start() {
    const { queue, leases, say, seconds } = this.parts;
    setInterval(() => this.#notice.draw(leases.toTell(queue.current?.read.id), say), TICK_MS);
    setInterval(() => void this.#beat(), seconds * 1000);
    document.addEventListener("visibilitychange", () => void this.#beat());
  }

  /** A key, a click, a movement: whoever comes back keeps what is still theirs. */
  touch() {
    const wasAway = this.#isAway();
    this.#lastSign = Date.now();
    if (wasAway) void this.#beat();
  }

  /** Holds all reads in hand for another while. */
  async extend() {
    this.#lastSign = Date.now();
    await this.#renewHeld();
  }

  #isAway() {
    return Date.now() - this.#lastSign > AWAY_MS;
  }

  async #beat() {
    if (document.visibilityState !== "visible" || this.#isAway()) return;
    await this.#renewHeld();
  }

  /** One round at a time: the key that keeps an image is also the first sign of whoever comes back. */
  #renewHeld() {
    this.#round ??= this.#goRound().finally(() => {
      this.#round = null;
    });
    return this.#round;
  }

  async #goRound() {
    for (const { id } of this.parts.queue.held) await this.#renew(id);
  }

  /** @param {string} id */
  async #renew(id) {
    const { renew, queue, leases, onLost, onProblem } = this.parts;
    try {
      await renew(id);
      leases.begin(id);
    } catch (error) {
      const isLost = error instanceof Problem && [404, 409].includes(error.status);
      if (!isLost) {
        onProblem(error);
        return;
      }
      leases.end(id);
      if (id === queue.current?.read.id) onLost(error);
      else queue.drop(id);
    }
  }
}
