// @ts-check
/**
 * Raw samples on a canvas, through a lookup table, at any zoom.
 *
 * The image is painted once per window change into a buffer of its own size; every frame is one
 * `drawImage` of that buffer, so zooming and panning cost nothing per pixel of ours.
 *
 * @typedef {import("../model/types.js").Point} Point
 * @typedef {import("../model/types.js").Raster} Raster
 * @typedef {import("../model/types.js").Size} Size
 * @typedef {import("../model/types.js").View} View
 * @typedef {import("../model/types.js").Window} Window
 */

import { paint } from "../model/raster.js";
import { centred, fitView, keepInSight, panBy, zoomAt } from "../model/transform.js";
import { levelAndWidth, lookupTable, openingPreset, PRESETS, windowOf } from "../model/window.js";

export class Viewer {
  /** @type {Raster | null} */
  raster = null;
  /** @type {View} */
  view = { scale: 1, x: 0, y: 0 };
  /** @type {Window} */
  window = { low: 0, high: 255 };
  /** Which of PRESETS the window is; null once it was changed by hand. @type {number | null} */
  preset = 0;
  isSmooth = false;
  isInverted = false;
  #isFitted = true;
  #buffer = document.createElement("canvas");
  /** @type {ImageData | null} */
  #pixels = null;
  #frame = 0;

  /**
   * @param {HTMLCanvasElement} canvas fills its parent
   * @param {() => void} onChange after every change of view, window or image
   */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    new ResizeObserver(() => this.#resized()).observe(/** @type {HTMLElement} */ (canvas.parentElement));
  }

  /** @returns {Size} of the viewer in screen pixels */
  get screen() {
    const { clientWidth: width, clientHeight: height } = /** @type {HTMLElement} */ (this.canvas.parentElement);
    return { width, height };
  }

  /** @param {Raster | null} raster */
  setRaster(raster) {
    this.raster = raster;
    this.#pixels = null;
    if (raster) {
      this.#buffer.width = raster.width;
      this.#buffer.height = raster.height;
      this.#pixels = this.#bufferContext().createImageData(raster.width, raster.height);
      this.setPreset(openingPreset(raster));
      this.fit();
    } else {
      this.#changed();
    }
  }

  /** @param {number} index into PRESETS, any whole number */
  setPreset(index) {
    if (!this.raster) return;
    const at = ((index % PRESETS.length) + PRESETS.length) % PRESETS.length;
    const preset = PRESETS[at];
    if (preset) this.setWindow(preset.of(this.raster), at);
  }

  /**
   * @param {Window} window
   * @param {number | null} [preset] which of PRESETS it is
   */
  setWindow(window, preset = null) {
    this.window = window;
    this.preset = preset;
    this.#paint();
  }

  toggleInverted() {
    this.isInverted = !this.isInverted;
    this.#paint();
  }

  #paint() {
    if (!this.raster || !this.#pixels) return;
    paint(this.raster, lookupTable(this.window, this.raster.bits, this.isInverted), this.#pixels.data);
    this.#bufferContext().putImageData(this.#pixels, 0, 0);
    this.#changed();
  }

  /**
   * @param {number} dx screen pixels, to the right for a wider window
   * @param {number} dy screen pixels, down for a brighter image
   */
  adjustWindow(dx, dy) {
    if (!this.raster) return;
    const { level, width } = levelAndWidth(this.window);
    const step = 2 ** this.raster.bits / 400;
    this.setWindow(windowOf(level - dy * step, width + dx * step, this.raster.bits));
  }

  fit() {
    if (!this.raster) return;
    this.#isFitted = true;
    this.#setView(fitView(this.raster, this.screen));
  }

  actualSize() {
    if (!this.raster) return;
    this.#isFitted = false;
    this.#setView(centred(this.raster, this.screen, 1 / devicePixelRatio));
  }

  /**
   * @param {number} factor
   * @param {Point} [anchor] screen pixels; the middle when left out
   */
  zoom(factor, anchor) {
    if (!this.raster) return;
    const { width, height } = this.screen;
    this.#isFitted = false;
    this.#setView(keepInSight(zoomAt(this.view, factor, anchor ?? { x: width / 2, y: height / 2 }), this.raster, this.screen));
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    if (!this.raster) return;
    this.#isFitted = false;
    this.#setView(keepInSight(panBy(this.view, dx, dy), this.raster, this.screen));
  }

  toggleSmooth() {
    this.isSmooth = !this.isSmooth;
    this.#changed();
  }

  /** @param {View} view */
  #setView(view) {
    this.view = view;
    this.#changed();
  }

  #resized() {
    const { width, height } = this.screen;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    if (this.#isFitted) this.fit();
    this.#draw();
    this.onChange();
  }

  #changed() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
    this.onChange();
  }

  #draw() {
    const { context, canvas, view, raster } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!raster) return;
    const ratio = devicePixelRatio;
    context.imageSmoothingEnabled = this.isSmooth;
    context.setTransform(view.scale * ratio, 0, 0, view.scale * ratio, view.x * ratio, view.y * ratio);
    context.drawImage(this.#buffer, 0, 0);
  }

  #bufferContext() {
    return /** @type {CanvasRenderingContext2D} */ (this.#buffer.getContext("2d", { willReadFrequently: true }));
  }
}
