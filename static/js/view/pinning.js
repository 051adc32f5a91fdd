// @ts-check
/**
 * Pointing at a place of the image under review, by mouse or by keys.
 *
 * @typedef {{x: number, y: number}} Point in pixels of the image, from its top left corner
 * @typedef {{width: number, height: number}} Size
 */

import { byId, show } from "./dom.js";
import { pinNode } from "./pin.js";

/** @type {Record<string, [number, number]>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LONG_STEP = 8;

export class Pinning {
  /** @type {Point | null} */
  point = null;
  /** @type {Size} */
  #size = { width: 1, height: 1 };
  #layer = byId("review-pin", SVGSVGElement);
  #row = byId("review-pinned", HTMLElement);
  #text = byId("review-pin-text", HTMLElement);

  /** @param {HTMLElement} frame lies exactly over the image */
  constructor(frame) {
    frame.addEventListener("click", (event) => {
      const { left, top, width, height } = frame.getBoundingClientRect();
      this.#put({ x: ((event.clientX - left) / width) * this.#size.width, y: ((event.clientY - top) / height) * this.#size.height });
    });
    byId("review-unpin", HTMLButtonElement).addEventListener("click", () => this.#put(null));
  }

  /** @param {Size} size of the next image, which has no pin yet */
  reset(size) {
    this.#size = size;
    this.#put(null);
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was for the pin
   */
  press({ key, shiftKey }) {
    const step = STEPS[key];
    if (key.toLowerCase() === "p") this.#put(this.point ? null : { x: this.#size.width / 2, y: this.#size.height / 2 });
    else if (this.point && (key === "Delete" || key === "Backspace")) this.#put(null);
    else if (this.point && step) this.#move(step, shiftKey ? LONG_STEP : 1);
    else return false;
    return true;
  }

  /**
   * @param {[number, number]} step
   * @param {number} length image pixels
   */
  #move([dx, dy], length) {
    if (this.point) this.#put({ x: this.point.x + dx * length, y: this.point.y + dy * length });
  }

  /** @param {Point | null} point */
  #put(point) {
    const { width, height } = this.#size;
    this.point = point && { x: within(point.x, width), y: within(point.y, height) };
    const pins = this.point ? [pinNode(`${(100 * this.point.x) / width}%`, `${(100 * this.point.y) / height}%`)] : [];
    this.#layer.replaceChildren(...pins);
    this.#text.textContent = this.point ? `Pinned at ${this.point.x}, ${this.point.y} of ${width} × ${height}.` : "";
    show(this.#row, this.point !== null);
  }
}

/**
 * @param {number} value
 * @param {number} end
 */
function within(value, end) {
  return Math.round(Math.min(Math.max(value, 0), end) * 10) / 10;
}
