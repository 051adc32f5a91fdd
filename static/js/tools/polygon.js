// @ts-check
/**
 * Polygons: click the corners; Enter, or a click on the first corner, closes the outline. With the
 * crosshair, Enter sets a corner and Enter on the same place closes.
 *
 * @typedef {import("./tool.js").Desk} Desk
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pointer} Pointer
 * @typedef {import("./tool.js").Point} Point
 */

import { clampPoint, distance } from "../model/geometry.js";
import { defaultShape, MOST_CORNERS } from "../model/shapes.js";

/** @implements {Tool} */
export class PolygonTool {
  /** @type {Point[]} */
  #corners = [];
  /** @type {Point | null} */
  #loose = null;

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  down() {}

  /** @param {Pointer} pointer */
  move(pointer) {
    if (this.#corners.length === 0) return;
    this.#loose = clampPoint(pointer.image, this.desk.size());
    this.desk.redraw();
  }

  /** @param {Pointer} pointer */
  up(pointer) {
    this.#add(clampPoint(pointer.image, this.desk.size()));
  }

  /** @param {Point | null} at */
  place(at) {
    if (at && !this.#isClosing(at)) return this.#add(at);
    if (this.#corners.length >= 3) return this.#close();
    if (this.#corners.length > 0) return undefined;
    const size = this.desk.size();
    const middle = { x: size.width / 2, y: size.height / 2 };
    const classKey = this.desk.classFor("polygon");
    if (classKey) this.desk.commit(defaultShape("polygon", classKey, middle, size, this.desk.newId()));
    return undefined;
  }

  /** @param {Point} corner */
  #add(corner) {
    if (this.#isClosing(corner)) {
      if (this.#corners.length >= 3) this.#close();
      return;
    }
    if (this.#corners.length >= MOST_CORNERS) {
      this.desk.refuse(`A polygon has at most ${MOST_CORNERS} corners; Enter closes it.`);
      return;
    }
    this.#corners.push(corner);
    this.#loose = corner;
    this.desk.begun(this.#corners);
    this.desk.redraw();
  }

  /** @param {Point} point the first corner, or the last one again */
  #isClosing(point) {
    const [first] = this.#corners;
    const last = this.#corners.at(-1);
    const near = this.desk.slack();
    return Boolean(
      (first && this.#corners.length >= 3 && distance(first, point) <= near) || (last && distance(last, point) <= near / 4),
    );
  }

  #close() {
    const classKey = this.desk.classFor("polygon");
    /** @type {[number, number][]} */
    const points = this.#corners.map(({ x, y }) => [x, y]);
    this.cancel();
    if (classKey) this.desk.commit({ id: this.desk.newId(), kind: "polygon", class: classKey, geometry: { points } });
  }

  /** @param {Point[]} points */
  resume(points) {
    this.#corners = [...points];
    this.#loose = this.#corners.at(-1) ?? null;
    this.desk.redraw();
  }

  cancel() {
    const had = this.#corners.length > 0;
    this.#corners = [];
    this.#loose = null;
    this.desk.begun([]);
    this.desk.redraw();
    return had;
  }

  preview() {
    if (this.#corners.length === 0) return null;
    const open = [...this.#corners, this.#loose ?? /** @type {Point} */ (this.#corners[0])];
    // A box is two points; a polygon of one corner so far is shown as a path there and back.
    return [...open, /** @type {Point} */ (this.#corners[0])];
  }

  cursorAt() {
    return "crosshair";
  }
}
