// @ts-check
/** Discarding images and taking them back, and the way back from the last discard. */

import { newKey, request } from "../api.js";
import { rangesOf } from "../model/gallery.js";

/** @typedef {{decision: {id: string} | null, changed: number, unchanged: number, in_studies: number, release_ended: boolean}} Outcome */

export class Curation {
  /** Discards of this page, the last one at the end. @type {{id: string, count: number}[]} */
  #undoable = [];

  /** @param {string} api address of the images of a batch */
  constructor(api) {
    this.api = api;
  }

  get canUndo() {
    return this.#undoable.length > 0;
  }

  /**
   * @param {Iterable<number>} indexes
   * @param {{reason: string, comment: string}} why
   * @returns {Promise<Outcome>}
   */
  async discard(indexes, why) {
    const { data } = await this.#post("discard", { indexes: rangesOf(indexes), ...why });
    if (data.decision) this.#undoable.push({ id: data.decision.id, count: data.changed });
    return data;
  }

  /** @param {Iterable<number>} indexes @returns {Promise<Outcome>} */
  async restore(indexes) {
    return (await this.#post("restore", { indexes: rangesOf(indexes) })).data;
  }

  /** @returns {Promise<Outcome | null>} null: there is nothing to undo */
  async undo() {
    const last = this.#undoable.at(-1);
    if (!last) return null;
    const { data } = await this.#post("restore", { decision: last.id });
    this.#undoable.pop();
    return data;
  }

  /** @param {string} what @param {unknown} body */
  #post(what, body) {
    return request("POST", `${this.api}/${what}`, { body, key: newKey(), timeoutMs: 60_000 });
  }
}

/**
 * What became of it, in a sentence or two.
 *
 * @param {Outcome} outcome
 * @param {string} verb "discarded" or "taken back"
 */
export function told({ changed, in_studies: held, release_ended: ended }, verb) {
  const parts = [`${images(changed)} ${verb}.`];
  if (held && verb === "discarded") {
    parts.push(held === 1 ? "One of them stands in a study already and stays there." : `${held.toLocaleString("en")} of them stand in studies already and stay there.`);
  }
  if (ended) parts.push("The batch is not released any more: evaluate it again.");
  return parts.join(" ");
}

/** @param {number} count */
export function images(count) {
  return count === 1 ? "1 image" : `${count.toLocaleString("en")} images`;
}
