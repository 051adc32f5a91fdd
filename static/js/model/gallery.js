// @ts-check
/**
 * A list of up to 100,000 thumbnails, of which the screen shows a few hundred: places, windows and what is chosen. Pure.
 *
 * An image has an index, its name within the batch for ever, and a position in the list that the filter leaves.
 *
 * @typedef {{columns: number, rows: number, size: number, height: number}} Layout
 */

import { clamp } from "./geometry.js";

/** Images that are asked for together. */
export const BLOCK = 100;

/**
 * @param {number} total images in the list
 * @param {number} width of the room, in CSS pixels
 * @param {number} wanted size of one cell with its gap; cells grow until they fill the width
 * @returns {Layout}
 */
export function layoutOf(total, width, wanted) {
  const columns = Math.max(1, Math.floor(width / wanted));
  const size = Math.max(wanted, Math.floor(width / columns));
  const rows = Math.ceil(total / columns);
  return { columns, rows, size, height: rows * size };
}

/**
 * The positions to draw: what is in sight, and a screen's half above and below it.
 *
 * @param {Layout} layout
 * @param {number} total
 * @param {number} top how far the list is scrolled
 * @param {number} seen height of what is in sight
 * @returns {{first: number, stop: number}} `stop` is not drawn
 */
export function windowOf({ columns, rows, size }, total, top, seen) {
  const first = clamp(Math.floor((top - seen / 2) / size), 0, Math.max(0, rows - 1));
  const last = clamp(Math.ceil((top + seen * 1.5) / size), 0, rows);
  return { first: first * columns, stop: Math.min(total, last * columns) };
}

/**
 * Where to scroll so that a position is in sight; as little as possible.
 *
 * @param {Layout} layout
 * @param {number} position
 * @param {number} top
 * @param {number} seen
 */
export function scrolledTo({ columns, size }, position, top, seen) {
  const start = Math.floor(position / columns) * size;
  if (start < top) return start;
  return start + size > top + seen ? start + size - seen : top;
}

/**
 * Where a key leads from a position, or null where it leads nowhere.
 *
 * @param {string} key
 * @param {number} position
 * @param {number} total
 * @param {{columns: number, page: number}} steps `page`: rows in sight
 * @returns {number | null}
 */
export function moved(key, position, total, { columns, page }) {
  if (total === 0) return null;
  const row = columns * Math.max(1, page);
  /** @type {Record<string, number>} */
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -row, PageDown: row };
  if (key === "Home") return 0;
  if (key === "End") return total - 1;
  const step = steps[key];
  if (step === undefined) return null;
  const next = position + step;
  // A step by rows from the first or the last row stays where it is, but for pages.
  if (Math.abs(step) === columns && columns > 1 && (next < 0 || next >= total)) {
    const below = Math.floor(position / columns) < Math.floor((total - 1) / columns);
    return next >= total && below ? total - 1 : position;
  }
  return clamp(next, 0, total - 1);
}

/**
 * What is chosen, by index, so that it survives another order or filter.
 */
export class Selection {
  /** @type {Set<number>} */
  #chosen = new Set();
  /** Where a range starts: a position. */
  #anchor = 0;
  /** What stood chosen before the range that Shift is drawing now. @type {Set<number>} */
  #before = new Set();

  get size() {
    return this.#chosen.size;
  }

  /** @param {number} index */
  has(index) {
    return this.#chosen.has(index);
  }

  indexes() {
    return [...this.#chosen].sort((a, b) => a - b);
  }

  clear() {
    this.#chosen.clear();
    this.#before.clear();
  }

  /** @param {ArrayLike<number>} order @param {number} position */
  only(order, position) {
    this.clear();
    this.toggle(order, position);
  }

  /** @param {ArrayLike<number>} order @param {number} position */
  toggle(order, position) {
    const index = order[position];
    if (index === undefined) return;
    if (!this.#chosen.delete(index)) this.#chosen.add(index);
    this.anchorAt(position);
  }

  /** @param {number} position */
  anchorAt(position) {
    this.#anchor = position;
    this.#before = new Set(this.#chosen);
  }

  /**
   * Everything between the anchor and a position, beside what was chosen before; a shorter range lets go again.
   *
   * @param {ArrayLike<number>} order
   * @param {number} position
   */
  rangeTo(order, position) {
    this.#chosen = new Set(this.#before);
    const [first, last] = [Math.min(this.#anchor, position), Math.max(this.#anchor, position)];
    for (let at = first; at <= last; at += 1) {
      const index = order[at];
      if (index !== undefined) this.#chosen.add(index);
    }
  }

  /** @param {Iterable<number>} indexes */
  all(indexes) {
    this.#chosen = new Set(indexes);
    this.#before = new Set(this.#chosen);
  }

  /** @param {Iterable<number>} indexes */
  drop(indexes) {
    for (const index of indexes) this.#chosen.delete(index);
    this.#before = new Set(this.#chosen);
  }
}

/**
 * `[3, 1, 2, 7]` as `[[1, 3], [7, 7]]`: what the server takes.
 *
 * @param {Iterable<number>} indexes
 * @returns {[number, number][]}
 */
export function rangesOf(indexes) {
  /** @type {[number, number][]} */
  const ranges = [];
  for (const index of Uint32Array.from(indexes).sort()) {
    const last = ranges.at(-1);
    if (last && index <= last[1] + 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges;
}

/**
 * Indexes as they stand in an address, in ascending order: `0-99,140`.
 *
 * @param {Iterable<number>} indexes
 */
export function writtenRanges(indexes) {
  return rangesOf(indexes).map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/**
 * The list of indexes that the server sends.
 *
 * @param {ArrayBuffer} buffer unsigned 32-bit numbers, low byte first
 * @returns {Uint32Array}
 */
export function orderFrom(buffer) {
  const view = new DataView(buffer);
  return Uint32Array.from({ length: buffer.byteLength >> 2 }, (_, at) => view.getUint32(4 * at, true));
}

/**
 * The files in a pack of thumbnails, by index; those that are not there are left out.
 *
 * @param {ArrayBuffer} buffer n, n pairs of index and length, then the files
 * @returns {Map<number, Uint8Array<ArrayBuffer>>}
 */
export function filesFrom(buffer) {
  const view = new DataView(buffer);
  const count = view.getUint32(0, true);
  /** @type {Map<number, Uint8Array<ArrayBuffer>>} */
  const files = new Map();
  let at = 4 + 8 * count;
  for (let place = 0; place < count; place += 1) {
    const index = view.getUint32(4 + 8 * place, true);
    const length = view.getUint32(8 + 8 * place, true);
    if (length > 0) files.set(index, new Uint8Array(buffer, at, length));
    at += length;
  }
  return files;
}

/** What a page's address may say, with what it means when it says nothing. */
export const QUIET = { class: "", flag: "", min_ratio: "", max_ratio: "", discarded: "false", ordering: "index" };

/**
 * The filter in a page's address; what is not known there is ignored, as a page may.
 *
 * @param {string} search
 * @returns {Record<string, string>}
 */
export function wishesFrom(search) {
  const told = new URLSearchParams(search);
  return Object.fromEntries(Object.entries(QUIET).map(([name, quiet]) => [name, told.get(name) ?? quiet]));
}

/**
 * The same as an address, without what goes without saying.
 *
 * @param {Record<string, string>} wishes
 */
export function searchOf(wishes) {
  const told = Object.entries(QUIET).filter(([name, quiet]) => (wishes[name] ?? quiet) !== quiet);
  const query = new URLSearchParams(told.map(([name]) => [name, wishes[name] ?? ""])).toString();
  return query && `?${query}`;
}

/**
 * The same as the API takes it.
 *
 * @param {Record<string, string>} wishes
 */
export function queryOf(wishes) {
  const told = Object.entries({ ...QUIET, ...wishes }).filter(([, value]) => value !== "");
  return `?${new URLSearchParams(told).toString()}`;
}
