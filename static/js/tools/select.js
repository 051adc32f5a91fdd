// @ts-check
/**
 * Choosing, moving and reshaping; on free ground it moves the image.
 *
 * Every drag has a click in its place: a click on a handle takes it up, the next click puts it down.
 *
 * @typedef {import("./tool.js").Desk} Desk
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pointer} Pointer
 * @typedef {{id: string, handle: string, offset: import("./tool.js").Point, merge: string}} Grip
 */

import { distance } from "../model/geometry.js";
import { dragHandle, handlesOf, shapeAt } from "../model/shapes.js";
import { CLICK_TRAVEL } from "./tool.js";

/** @implements {Tool} */
export class SelectTool {
  /** @type {Grip | null} */
  #grip = null;
  #isCarrying = false;
  #isPanning = false;
  #count = 0;
  /** @type {import("./tool.js").Point} */
  #screen = { x: 0, y: 0 };

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  /** @param {Pointer} pointer */
  down(pointer) {
    this.#screen = pointer.screen;
    if (this.#isCarrying) return;
    this.#grip = this.#gripAt(pointer);
    this.#isPanning = this.#grip === null;
  }

  /** @param {Pointer} pointer */
  move(pointer) {
    if (this.#grip) this.#drag(this.#grip, pointer);
    else if (this.#isPanning) this.desk.pan(pointer.screen.x - this.#screen.x, pointer.screen.y - this.#screen.y);
    this.#screen = pointer.screen;
  }

  /** @param {Pointer} pointer */
  up(pointer) {
    const clicked = pointer.travelled < CLICK_TRAVEL;
    if (this.#isPanning && clicked) this.desk.select(null);
    this.#isPanning = false;
    if (this.#grip && clicked && !this.#isCarrying && this.#grip.handle !== "body") {
      this.#isCarrying = true;
      return;
    }
    this.#isCarrying = false;
    this.#grip = null;
  }

  /**
   * @param {Grip} grip
   * @param {Pointer} pointer
   */
  #drag(grip, pointer) {
    const shape = this.desk.shapes().find(({ id }) => id === grip.id);
    if (!shape || (pointer.travelled < CLICK_TRAVEL && !this.#isCarrying)) return;
    const to = { x: pointer.image.x + grip.offset.x, y: pointer.image.y + grip.offset.y };
    this.desk.change(dragHandle(shape, grip.handle === "body" ? "move" : grip.handle, to, this.desk.size()), grip.merge);
  }

  /**
   * @param {Pointer} pointer
   * @returns {Grip | null}
   */
  #gripAt({ image }) {
    const selected = this.desk.selected();
    const handle = selected ? this.#handleAt(image) : null;
    this.#count += 1;
    const merge = `drag ${this.#count}`;
    if (selected && handle) return { id: selected.id, handle: handle.name, offset: { x: 0, y: 0 }, merge };
    const shape = shapeAt(this.desk.shapes(), image, this.desk.slack() / 2);
    if (!shape) return null;
    this.desk.select(shape.id);
    const middle = handlesOf(shape)[0]?.at ?? image;
    return { id: shape.id, handle: "body", offset: { x: middle.x - image.x, y: middle.y - image.y }, merge };
  }

  /** @param {import("./tool.js").Point} image */
  #handleAt(image) {
    const selected = this.desk.selected();
    const handles = selected ? handlesOf(selected) : [];
    const near = handles.filter(({ at }) => distance(at, image) <= this.desk.slack());
    return near.sort((a, b) => distance(a.at, image) - distance(b.at, image))[0] ?? null;
  }

  place() {}

  cancel() {
    const had = this.#grip !== null || this.desk.selected() !== null;
    this.#grip = null;
    this.#isCarrying = false;
    this.#isPanning = false;
    this.desk.select(null);
    return had;
  }

  preview() {
    return null;
  }

  /** @param {Pointer} pointer */
  cursorAt({ image }) {
    if (this.#isPanning) return "grabbing";
    if (this.#handleAt(image)) return "move";
    return shapeAt(this.desk.shapes(), image, this.desk.slack() / 2) ? "pointer" : "grab";
  }
}
