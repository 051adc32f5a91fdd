// @ts-check
/**
 * Boxes: drag from corner to corner, click two corners, or press Enter for one of ordinary size.
 *
 * @typedef {import("./tool.js").Desk} Desk
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pointer} Pointer
 * @typedef {import("./tool.js").Point} Point
 */

import { boxFromCorners, clampPoint } from "../model/geometry.js";
import { defaultShape, SMALLEST_SIDE } from "../model/shapes.js";
import { CLICK_TRAVEL } from "./tool.js";

/** @implements {Tool} */
export class BoxTool {
  /** @type {Point | null} */
  #first = null;
  /** @type {Point | null} */
  #second = null;
  /** The first corner was just set, by the press that is still going on. */
  #isFresh = false;

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  /** @param {Pointer} pointer */
  down(pointer) {
    const point = clampPoint(pointer.image, this.desk.size());
    this.#isFresh = this.#first === null;
    this.#first ??= point;
    this.#second = point;
    this.desk.begun([this.#first]);
    this.desk.redraw();
  }

  /** @param {Pointer} pointer */
  move(pointer) {
    if (!this.#first) return;
    this.#second = clampPoint(pointer.image, this.desk.size());
    this.desk.redraw();
  }

  /** @param {Pointer} pointer */
  up(pointer) {
    if (!this.#first) return;
    const box = boxFromCorners(this.#first, clampPoint(pointer.image, this.desk.size()));
    const isFirstClick = this.#isFresh && pointer.travelled < CLICK_TRAVEL;
    this.#isFresh = false;
    if (!isFirstClick && box.width >= SMALLEST_SIDE && box.height >= SMALLEST_SIDE) this.#commit(box);
  }

  /** @param {Point | null} at */
  place(at) {
    const size = this.desk.size();
    if (this.#first && at) return this.#commit(boxFromCorners(this.#first, clampPoint(at, size)));
    const middle = { x: size.width / 2, y: size.height / 2 };
    const classKey = this.desk.classFor("box");
    if (classKey) this.desk.commit(defaultShape("box", classKey, at ?? middle, size, this.desk.newId()));
    return undefined;
  }

  /** @param {import("../model/types.js").Box} geometry */
  #commit(geometry) {
    const classKey = this.desk.classFor("box");
    this.cancel();
    if (classKey) this.desk.commit({ id: this.desk.newId(), kind: "box", class: classKey, geometry });
  }

  /** @param {Point[]} points */
  resume([first]) {
    this.#first = this.#second = first ?? null;
    this.desk.redraw();
  }

  cancel() {
    const had = this.#first !== null;
    this.#first = this.#second = null;
    this.desk.begun([]);
    this.desk.redraw();
    return had;
  }

  preview() {
    return this.#first && this.#second ? [this.#first, this.#second] : null;
  }

  cursorAt() {
    return "crosshair";
  }
}
