// @ts-check
/**
 * Two fingers on the image: they zoom by their distance and pan by their middle. Pure.
 *
 * @typedef {import("../model/types.js").Point} Point
 */

import { distance } from "../model/geometry.js";

/** Fingers nearer than this would make the zoom jump, in screen pixels. */
const LEAST_APART = 10;

export class Fingers {
  /** @type {Map<number, Point>} */
  #places = new Map();
  /** From the second finger on until the last one leaves: the one that stays does not draw. */
  isPinching = false;

  /**
   * @param {number} id of the pointer
   * @param {Point} place in screen pixels
   */
  down(id, place) {
    this.#places.set(id, place);
    this.isPinching ||= this.#places.size > 1;
  }

  /**
   * @param {number} id
   * @param {Point} place in screen pixels
   * @returns {{factor: number, anchor: Point, dx: number, dy: number} | null} what the move does to the view
   */
  move(id, place) {
    if (!this.#places.has(id)) return null;
    const before = this.#pair();
    this.#places.set(id, place);
    const after = this.#pair();
    if (!before || !after) return null;
    return {
      factor: Math.max(after.apart, LEAST_APART) / Math.max(before.apart, LEAST_APART),
      anchor: after.middle, dx: after.middle.x - before.middle.x, dy: after.middle.y - before.middle.y,
    };
  }

  /** @param {number} id */
  up(id) {
    this.#places.delete(id);
    if (this.#places.size === 0) this.isPinching = false;
  }

  #pair() {
    const [one, two] = [...this.#places.values()];
    if (!one || !two) return null;
    return { middle: { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 }, apart: distance(one, two) };
  }
}
