// @ts-check
/**
 * Brightness and contrast by dragging: sideways for the width, up and down for the level. The two
 * sliders in the panel do the same without a drag.
 *
 * @typedef {import("./tool.js").Desk} Desk
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pointer} Pointer
 */

/** @implements {Tool} */
export class WindowTool {
  /** @type {import("./tool.js").Point | null} */
  #from = null;

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  /** @param {Pointer} pointer */
  down(pointer) {
    this.#from = pointer.screen;
  }

  /** @param {Pointer} pointer */
  move(pointer) {
    if (!this.#from) return;
    this.desk.adjustWindow(pointer.screen.x - this.#from.x, pointer.screen.y - this.#from.y);
    this.#from = pointer.screen;
  }

  up() {
    this.#from = null;
  }

  place() {}

  cancel() {
    this.#from = null;
    return false;
  }

  preview() {
    return null;
  }

  cursorAt() {
    return "ns-resize";
  }
}
