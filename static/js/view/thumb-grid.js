// @ts-check
/**
 * The grid of thumbnails: only what is in sight stands in the page, and its elements are used again. To a screen reader it
 * is a list box of all images, with one stop of the Tab key.
 */

import { layoutOf, scrolledTo, windowOf } from "../model/gallery.js";
import { h, show } from "./dom.js";

/**
 * @typedef {{
 *   root: HTMLElement, picture: HTMLImageElement, note: HTMLElement, mark: HTMLElement, shown: string | null | undefined
 * }} Cell
 */

export class ThumbGrid {
  /** Indexes, by position. @type {Uint32Array} */
  order = new Uint32Array();
  /** The position that the keyboard is at. */
  position = 0;
  size = 104;
  #layout = layoutOf(0, 1, 104);
  /** @type {Map<number, Cell>} by position */
  #cells = new Map();
  /** @type {Cell[]} */
  #spare = [];
  #drawing = false;
  #room = h("div", { class: "gallery-room", role: "presentation" });

  /**
   * @param {HTMLElement} list the list box, which scrolls
   * @param {import("../state/thumbnails.js").Thumbnails} thumbnails
   * @param {import("../model/gallery.js").Selection} chosen
   */
  constructor(list, thumbnails, chosen) {
    this.list = list;
    this.thumbnails = thumbnails;
    this.chosen = chosen;
    list.append(this.#room);
    list.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.layOut()).observe(list);
  }

  get columns() {
    return this.#layout.columns;
  }

  /** Rows in sight. */
  get page() {
    return Math.max(1, Math.floor(this.list.clientHeight / this.#layout.size));
  }

  /** @param {Uint32Array} order */
  setOrder(order) {
    const here = this.order[this.position];
    this.order = order;
    const again = here === undefined ? -1 : order.indexOf(here);
    this.position = again >= 0 ? again : Math.min(this.position, Math.max(0, order.length - 1));
    this.layOut();
  }

  /** @param {number} size */
  setSize(size) {
    this.size = size;
    this.layOut();
    this.moveTo(this.position);
  }

  layOut() {
    this.#layout = layoutOf(this.order.length, this.list.clientWidth, this.size);
    this.#room.style.height = `${this.#layout.height}px`;
    this.list.style.setProperty("--cell", `${this.#layout.size}px`);
    for (const position of [...this.#cells.keys()]) this.#release(position);
    this.draw();
  }

  /** @param {number} position */
  moveTo(position) {
    this.position = position;
    this.list.scrollTop = scrolledTo(this.#layout, position, this.list.scrollTop, this.list.clientHeight);
    this.drawNow();
  }

  /** @param {EventTarget | null} target @returns {number | null} */
  positionOf(target) {
    const cell = target instanceof Element ? target.closest("[data-position]") : null;
    return cell instanceof HTMLElement ? Number(cell.dataset["position"]) : null;
  }

  draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { first, stop } = windowOf(this.#layout, this.order.length, this.list.scrollTop, this.list.clientHeight);
    for (const position of [...this.#cells.keys()]) {
      if (position < first || position >= stop) this.#release(position);
    }
    for (let position = first; position < stop; position += 1) this.#draw(position);
    const active = this.#cells.get(this.position);
    if (active) this.list.setAttribute("aria-activedescendant", active.root.id);
    else this.list.removeAttribute("aria-activedescendant");
    this.thumbnails.want(this.order, first, stop);
  }

  /** @param {number} position */
  #release(position) {
    const cell = this.#cells.get(position);
    if (!cell) return;
    this.#cells.delete(position);
    cell.root.remove();
    if (this.#spare.length < 400) this.#spare.push(cell);
  }

  /** @param {number} position */
  #draw(position) {
    const index = this.order[position] ?? 0;
    const cell = this.#cells.get(position) ?? this.#place(position, index);
    const thumbnail = this.thumbnails.get(index);
    const { root } = cell;
    root.setAttribute("aria-selected", String(this.chosen.has(index)));
    root.toggleAttribute("data-here", position === this.position);
    root.toggleAttribute("data-discarded", Boolean(thumbnail?.facts.discarded));
    root.setAttribute("aria-label", said(index, thumbnail));
    const picture = thumbnail?.picture;
    if (cell.shown !== picture) {
      cell.shown = picture;
      if (picture) cell.picture.src = picture;
      else cell.picture.removeAttribute("src");
    }
    const { ratio = null, flags = [] } = thumbnail?.facts ?? {};
    cell.note.textContent = ratio === null ? `${index}` : ratio.toFixed(2);
    cell.mark.textContent = flags[0] ?? "";
    show(cell.mark, flags.length > 0);
  }

  /** @param {number} position @param {number} index */
  #place(position, index) {
    const cell = this.#spare.pop() ?? made();
    const { columns, size } = this.#layout;
    const { root } = cell;
    root.id = `image-${index}`;
    root.dataset["position"] = String(position);
    root.setAttribute("aria-posinset", String(position + 1));
    root.setAttribute("aria-setsize", String(this.order.length));
    root.style.transform = `translate(${(position % columns) * size}px, ${Math.floor(position / columns) * size}px)`;
    this.#cells.set(position, cell);
    this.#room.append(root);
    return cell;
  }
}

/** @returns {Cell} */
function made() {
  const picture = h("img", { alt: "", draggable: "false" });
  const note = h("span", { class: "gallery-note num" });
  const mark = h("span", { class: "gallery-mark" });
  return { root: h("div", { class: "gallery-cell", role: "option" }, picture, note, mark), picture, note, mark, shown: undefined };
}

/**
 * @param {number} index
 * @param {import("../state/thumbnails.js").Thumbnail | undefined} thumbnail
 */
function said(index, thumbnail) {
  const { class: key = "", ratio = null, flags = [], discarded = null } = thumbnail?.facts ?? {};
  const parts = [`Image ${index}`, key, ratio === null ? "" : `ratio ${ratio.toFixed(2)}`, ...flags, discarded && `discarded: ${discarded.replace("_", " ")}`];
  return parts.filter(Boolean).join(", ");
}
