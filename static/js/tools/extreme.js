// @ts-check
/**
 * Boxes by their four outermost points, in any order: quicker and truer than corners, which lie beside what is boxed.
 *
 * @typedef {import("./tool.js").Desk} Desk
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pointer} Pointer
 * @typedef {import("./tool.js").Point} Point
 */

import { boundsOfPoints, clampPoint } from "../model/geometry.js";
import { SMALLEST_SIDE } from "../model/shapes.js";

const WANTED = 4;

/** @implements {Tool} */
export class ExtremeTool {
  /** @type {Point[]} */
  #points = [];
  /** @type {Point | null} */
  #loose = null;

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  down() {}

  /** @param {Pointer} pointer */
  move(pointer) {
    if (this.#points.length === 0) return;
    this.#loose = clampPoint(pointer.image, this.desk.size());
    this.desk.redraw();
  }

  /** @param {Pointer} pointer */
  up(pointer) {
    this.#add(pointer.image);
  }

  /** @param {Point | null} at */
  place(at) {
    const { width, height } = this.desk.size();
    this.#add(at ?? { x: width / 2, y: height / 2 });
  }

  /** @param {Point} at */
  #add(at) {
    const point = clampPoint(at, this.desk.size());
    this.#points.push(point);
    this.#loose = point;
    this.desk.begun(this.#points);
    if (this.#points.length < WANTED) this.desk.redraw();
    else this.#commit();
  }

  #commit() {
    const geometry = this.#bounds(this.#points);
    const classKey = this.desk.classFor("box");
    this.cancel();
    if (!classKey) return;
    if (geometry.width < SMALLEST_SIDE || geometry.height < SMALLEST_SIDE) this.desk.refuse("The box is too small: its four points lie on one line.");
    else this.desk.commit({ id: this.desk.newId(), kind: "box", class: classKey, geometry });
  }

  /** @param {Point[]} points */
  #bounds(points) {
    return boundsOfPoints(points.map(({ x, y }) => [x, y]));
  }

  /** @param {Point[]} points */
  resume(points) {
    this.#points = points.slice(0, WANTED - 1);
    this.#loose = this.#points.at(-1) ?? null;
    this.desk.redraw();
  }

  cancel() {
    const had = this.#points.length > 0;
    this.#points = [];
    this.#loose = null;
    this.desk.begun([]);
    this.desk.redraw();
    return had;
  }

  preview() {
    if (this.#points.length === 0) return null;
    const { x, y, width, height } = this.#bounds([...this.#points, ...(this.#loose ? [this.#loose] : [])]);
    return [{ x, y }, { x: x + width, y: y + height }];
  }

  cursorAt() {
    return "crosshair";
  }
}
