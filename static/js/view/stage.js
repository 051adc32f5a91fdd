// @ts-check
/**
 * The image with its shapes and the tool in hand: pointer and crosshair in, changed shapes out.
 *
 * @typedef {import("../model/types.js").Point} Point
 * @typedef {import("../model/types.js").Shape} Shape
 * @typedef {import("../model/types.js").ShapeKind} ShapeKind
 * @typedef {import("../tools/registry.js").ToolName} ToolName
 * @typedef {import("../tools/tool.js").Pointer} Pointer
 * @typedef {{
 *   shapes: () => Shape[], colourOf: (classKey: string) => string,
 *   classFor: (kind: ShapeKind) => string | null, newId: () => string,
 *   onCommit: (shape: Shape) => void, onChange: (shape: Shape, merge: string) => void,
 *   onSelect: (id: string | null) => void, onTool: (tool: ToolName) => void,
 *   onStatus: (point: Point | null) => void, onRefuse: (why: string) => void,
 *   onBegun: (tool: ToolName, points: Point[]) => void, onView: () => void
 * }} Options
 */

import { clampPoint, distance } from "../model/geometry.js";
import { toImage } from "../model/transform.js";
import { Fingers } from "../tools/fingers.js";
import { toolRow } from "../tools/registry.js";
import { Overlay } from "./overlay.js";
import { Viewer } from "./viewer.js";

/** How near a press must be to take hold of something, in screen pixels. */
const REACH = 12;

export class Stage {
  /** @type {string | null} */
  selected = null;
  /** @type {ToolName} */
  toolName = "select";
  /** Whether the tool was asked for by key or button; a tool that a required mark brought is not. */
  isAskedFor = false;
  /** @type {Point | null} */
  crosshair = null;
  /** @type {Point | null} where a reviewer pointed at who gave the image back */
  pin = null;
  isHidden = false;
  /** @type {Point | null} where the button went down */
  #downAt = null;
  #travelled = 0;
  #isMiddle = false;
  #fingers = new Fingers();

  /**
   * @param {{root: HTMLElement, canvas: HTMLCanvasElement, overlay: SVGSVGElement}} elements
   * @param {Options} options
   */
  constructor({ root, canvas, overlay }, options) {
    this.root = root;
    this.options = options;
    this.overlay = new Overlay(overlay);
    this.viewer = new Viewer(canvas, () => {
      this.redraw();
      options.onView();
    });
    this.desk = this.#makeDesk();
    this.tool = toolRow("select").make(this.desk);
    this.#listen();
  }

  get size() {
    return this.viewer.raster ?? { width: 1, height: 1 };
  }

  /** @param {import("../model/types.js").Raster | null} raster */
  setRaster(raster) {
    this.selected = null;
    this.crosshair = null;
    this.setTool("select");
    this.viewer.setRaster(raster);
  }

  /**
   * @param {ToolName} name
   * @param {{asked?: boolean}} [options]
   */
  setTool(name, { asked = false } = {}) {
    this.tool.cancel();
    this.toolName = name;
    this.isAskedFor = asked;
    this.crosshair = null;
    this.tool = toolRow(name).make(this.desk);
    this.root.dataset["tool"] = name;
    this.options.onTool(name);
    this.redraw();
  }

  /**
   * Goes on with a shape that was begun before the page was loaded again.
   *
   * @param {ToolName} name
   * @param {Point[]} points
   */
  resume(name, points) {
    this.setTool(name, { asked: true });
    this.tool.resume?.(points);
    this.desk.begun(points);
  }

  /** @param {string | null} id */
  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.options.onSelect(id);
    this.redraw();
  }

  get isDrawing() {
    return toolRow(this.toolName).draws !== null;
  }

  /**
   * Moves the crosshair, as an arrow key does with a drawing tool in hand.
   *
   * @param {number} dx image pixels
   * @param {number} dy image pixels
   * @returns {Point} where it stands now
   */
  moveCrosshair(dx, dy) {
    const { width, height } = this.size;
    const from = this.crosshair ?? { x: width / 2, y: height / 2 };
    this.crosshair = clampPoint({ x: from.x + dx, y: from.y + dy }, this.size);
    this.tool.move({ image: this.crosshair, screen: { x: 0, y: 0 }, travelled: 0 });
    this.options.onStatus(this.crosshair);
    this.redraw();
    return this.crosshair;
  }

  /** Enter with a drawing tool in hand. */
  place() {
    this.tool.place(this.crosshair);
  }

  redraw() {
    const draws = toolRow(this.toolName).draws;
    const classKey = draws ? this.options.classFor(draws) : null;
    this.overlay.draw({
      view: this.viewer.view,
      shapes: this.viewer.raster ? this.options.shapes() : [],
      selected: this.selected,
      colourOf: this.options.colourOf,
      preview: this.tool?.preview() ?? null,
      previewColour: classKey ? this.options.colourOf(classKey) : "#ffffff",
      crosshair: this.crosshair,
      pin: this.pin,
      isHidden: this.isHidden,
    });
  }

  #listen() {
    const { root } = this;
    root.addEventListener("pointerdown", (event) => this.#down(event));
    root.addEventListener("pointermove", (event) => this.#move(event));
    root.addEventListener("pointerup", (event) => this.#up(event));
    root.addEventListener("pointercancel", (event) => {
      this.#fingers.up(event.pointerId);
      this.tool.cancel();
    });
    root.addEventListener("pointerleave", () => this.options.onStatus(null));
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    root.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (!this.viewer.raster || event.button === 2) return;
    this.root.focus({ preventScroll: true });
    this.root.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") this.#fingers.down(event.pointerId, screenPoint(this.root, event));
    if (this.#fingers.isPinching) {
      this.tool.cancel();
      this.#downAt = null;
      return;
    }
    this.#downAt = screenPoint(this.root, event);
    this.#travelled = 0;
    this.#isMiddle = event.button === 1;
    this.crosshair = null;
    if (!this.#isMiddle) this.tool.down(this.#pointer(event));
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (!this.viewer.raster) return;
    const pinch = this.#fingers.move(event.pointerId, screenPoint(this.root, event));
    if (pinch) {
      this.viewer.pan(pinch.dx, pinch.dy);
      this.viewer.zoom(pinch.factor, pinch.anchor);
    }
    if (this.#fingers.isPinching) return;
    const pointer = this.#pointer(event);
    if (this.#downAt) this.#travelled = Math.max(this.#travelled, distance(this.#downAt, pointer.screen));
    if (this.#isMiddle) this.viewer.pan(event.movementX, event.movementY);
    else this.tool.move({ ...pointer, travelled: this.#travelled });
    this.root.style.cursor = this.tool.cursorAt(pointer);
    this.options.onStatus(pointer.image);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.#fingers.up(event.pointerId);
    if (!this.viewer.raster || !this.#downAt) return;
    if (!this.#isMiddle) this.tool.up(this.#pointer(event));
    this.#downAt = null;
    this.#isMiddle = false;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    if (event.shiftKey) this.viewer.pan(-event.deltaX, -event.deltaY);
    else this.viewer.zoom(1.0015 ** -event.deltaY, screenPoint(this.root, event));
  }

  /**
   * @param {MouseEvent} event
   * @returns {Pointer}
   */
  #pointer(event) {
    const screen = screenPoint(this.root, event);
    return { screen, image: toImage(this.viewer.view, screen), travelled: this.#travelled };
  }

  /** @returns {import("../tools/tool.js").Desk} */
  #makeDesk() {
    const { options } = this;
    return {
      size: () => this.size,
      slack: () => REACH / this.viewer.view.scale,
      shapes: options.shapes,
      selected: () => options.shapes().find(({ id }) => id === this.selected) ?? null,
      classFor: options.classFor,
      newId: options.newId,
      commit: (shape) => {
        options.onCommit(shape);
        this.setTool("select");
        this.select(shape.id);
      },
      change: options.onChange,
      select: (id) => this.select(id),
      pan: (dx, dy) => this.viewer.pan(dx, dy),
      adjustWindow: (dx, dy) => this.viewer.adjustWindow(dx, dy),
      redraw: () => this.redraw(),
      refuse: options.onRefuse,
      begun: (points) => options.onBegun(this.toolName, points),
    };
  }
}

/**
 * @param {HTMLElement} root
 * @param {MouseEvent} event
 * @returns {Point} screen pixels from the viewer's corner
 */
function screenPoint(root, event) {
  const { left, top } = root.getBoundingClientRect();
  return { x: event.clientX - left - root.clientLeft, y: event.clientY - top - root.clientTop };
}
