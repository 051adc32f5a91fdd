// @ts-check
/**
 * Points: one click, or Enter at the crosshair.
 *
 * @typedef {import("./tool.js").Desk} Desk
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pointer} Pointer
 * @typedef {import("./tool.js").Point} Point
 */

import { clampPoint } from "../model/geometry.js";

/** @implements {Tool} */
export class PointTool {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  down() {}

  move() {}

  /** @param {Pointer} pointer */
  up(pointer) {
    this.#commit(pointer.image);
  }

  /** @param {Point | null} at */
  place(at) {
    const { width, height } = this.desk.size();
    this.#commit(at ?? { x: width / 2, y: height / 2 });
  }

  /** @param {Point} at */
  #commit(at) {
    const classKey = this.desk.classFor("point");
    if (!classKey) return;
    const geometry = clampPoint(at, this.desk.size());
    this.desk.commit({ id: this.desk.newId(), kind: "point", class: classKey, geometry });
  }

  cancel() {
    return false;
  }

  preview() {
    return null;
  }

  cursorAt() {
    return "crosshair";
  }
}
