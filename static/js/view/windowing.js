// @ts-check
/** The two sliders for brightness and contrast, beside dragging with the tool. */

import { levelAndWidth, openingPreset, PRESETS, windowOf } from "../model/window.js";
import { byId } from "./dom.js";

export class WindowSliders {
  #level = byId("wb-level", HTMLInputElement);
  #width = byId("wb-width", HTMLInputElement);

  /** @param {import("./viewer.js").Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    const apply = () => this.#apply();
    this.#level.addEventListener("input", apply);
    this.#width.addEventListener("input", apply);
    byId("wb-window-reset", HTMLButtonElement).addEventListener("click", () => this.reset());
  }

  reset() {
    if (this.viewer.raster) this.viewer.setPreset(openingPreset(this.viewer.raster));
  }

  /**
   * @param {number} step
   * @returns {string} the title of the preset now in force
   */
  stepPreset(step) {
    const { raster, preset } = this.viewer;
    if (!raster) return "";
    // From a window set by hand the way leads back to the one the image opened with.
    this.viewer.setPreset(preset === null ? openingPreset(raster) : preset + step);
    return PRESETS[this.viewer.preset ?? 0]?.title ?? "";
  }

  draw() {
    const { raster, window } = this.viewer;
    const top = 2 ** (raster?.bits ?? 8) - 1;
    const { level, width } = levelAndWidth(window);
    this.#level.max = this.#width.max = String(top);
    this.#width.min = "1";
    this.#level.value = String(Math.round(level));
    this.#width.value = String(Math.round(width));
    byId("wb-level-value", HTMLOutputElement).textContent = String(Math.round(level));
    byId("wb-width-value", HTMLOutputElement).textContent = String(Math.round(width));
  }

  #apply() {
    const { raster } = this.viewer;
    if (raster) this.viewer.setWindow(windowOf(Number(this.#level.value), Number(this.#width.value), raster.bits));
  }
}
