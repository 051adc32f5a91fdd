// @ts-check
/**
 * Pictures and facts of thumbnails, fetched a block at a time for what is in sight. What was scrolled past before its turn
 * came is not fetched; what was fetched is kept as long as there is room.
 *
 * @typedef {{index: number, class: string, ratio: number | null, flags: string[], discarded: string | null}} Facts
 * @typedef {{facts: Facts, picture: string | null}} Thumbnail `picture` is the address of a blob; null: its file is missing
 */

import { request } from "../api.js";
import { BLOCK, filesFrom, writtenRanges } from "../model/gallery.js";

const AT_ONCE = 3;
const MOST_KEPT = 6000;

export class Thumbnails {
  /** @type {Map<number, string | null>} */
  #pictures = new Map();
  /** @type {Map<number, Facts>} */
  #facts = new Map();
  /** Blocks to fetch, the most wanted first. @type {number[][]} */
  #wanted = [];
  /** @type {Set<string>} */
  #flying = new Set();
  /** What is in sight. @type {Set<number>} */
  #near = new Set();

  /**
   * @param {string} api address of the images of a batch
   * @param {{onBlock: () => void, onFault: (error: unknown) => void}} told
   */
  constructor(api, told) {
    this.api = api;
    this.told = told;
  }

  /** @param {number} index @returns {Thumbnail | undefined} */
  get(index) {
    const facts = this.#facts.get(index);
    const picture = this.#pictures.get(index);
    return facts && picture !== undefined ? { facts, picture } : undefined;
  }

  /**
   * Say what is in sight; it is fetched from the first on.
   *
   * @param {Uint32Array} order
   * @param {number} first
   * @param {number} stop
   */
  want(order, first, stop) {
    this.#near = new Set(order.subarray(first, stop));
    this.#wanted = [];
    for (let start = first - (first % BLOCK); start < stop; start += BLOCK) {
      const block = [...order.subarray(start, start + BLOCK)];
      if (block.some((index) => this.get(index) === undefined)) this.#wanted.push(block);
    }
    this.#next();
  }

  /** Facts may have changed; pictures never do. */
  forgetFacts() {
    this.#facts.clear();
  }

  #next() {
    while (this.#flying.size < AT_ONCE) {
      const block = this.#wanted.shift();
      if (block === undefined) return;
      const name = writtenRanges(block);
      if (!this.#flying.has(name)) void this.#fetch(name, block);
    }
  }

  /** @param {string} name @param {number[]} block */
  async #fetch(name, block) {
    this.#flying.add(name);
    try {
      const pictures = block.some((index) => !this.#pictures.has(index)) ? this.#fetchPictures(name, block) : null;
      const { data } = await request("GET", `${this.api}/cells?indexes=${name}`);
      for (const facts of data) this.#facts.set(facts.index, facts);
      await pictures;
    } catch (error) {
      this.#wanted = []; // the next scrolling asks again
      this.told.onFault(error);
    } finally {
      this.#flying.delete(name);
    }
    this.#makeRoom();
    this.told.onBlock();
    this.#next();
  }

  /** @param {string} name @param {number[]} block */
  async #fetchPictures(name, block) {
    const { data } = await request("GET", `${this.api}/thumbnails?indexes=${name}`, { as: "buffer", cache: "default" });
    const files = filesFrom(data);
    for (const index of block) {
      if (this.#pictures.has(index)) continue;
      const file = files.get(index);
      this.#pictures.set(index, file ? URL.createObjectURL(new Blob([file], { type: "image/png" })) : null);
    }
  }

  #makeRoom() {
    for (const [index, picture] of this.#pictures) {
      if (this.#pictures.size <= MOST_KEPT) return;
      if (this.#near.has(index)) continue;
      if (picture) URL.revokeObjectURL(picture);
      this.#pictures.delete(index);
    }
  }
}
