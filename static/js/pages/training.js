// @ts-check
/**
 * A training's curves and sample grids, live while it runs.
 *
 * `[data-training]` carries `data-metrics-url` (answers `{"metrics": {name: [[step, value], …]}}`),
 * `data-samples-url` (answers `{"steps": […]}`; one grid stands at that address with the step behind
 * it) and `data-live="true|false"`. Inside: `[data-plots]`, `[data-sample-grid]`, `[data-sample-slider]`,
 * `[data-sample-step]`, `[data-sample-empty]`.
 *
 * @typedef {import("../model/series.js").Curves} Curves
 */

import { request } from "../api.js";
import { columnsOf, plotGroups } from "../model/series.js";
import { h, show } from "../view/dom.js";
import { Plot } from "../view/plot.js";

const AGAIN_MS = 3000;

class TrainingView {
  /** @type {Map<string, Plot>} by the title of their group */
  #plots = new Map();
  /** @type {number[]} */
  #steps = [];

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.samplesUrl = root.dataset["samplesUrl"] ?? "";
    this.#slider?.addEventListener("input", () => this.#drawGrid());
  }

  start() {
    this.#follow(this.root.dataset["metricsUrl"] ?? "", (data) => this.#drawCurves(data.metrics ?? {}));
    this.#follow(this.samplesUrl, (data) => this.#seeSteps(data.steps ?? []));
  }

  /**
   * Asks an address now and, while the training is live, again and again.
   *
   * @param {string} url
   * @param {(data: any) => void} use
   */
  #follow(url, use) {
    let etag = "";
    const look = async () => {
      const reply = document.visibilityState === "visible" ? await request("GET", url, { ifNoneMatch: etag, tries: 1 }).catch(() => null) : null;
      if (reply && reply.status !== 304) use(reply.data);
      etag = reply?.etag ?? etag;
      if (this.root.isConnected && this.root.dataset["live"] === "true") setTimeout(() => void look(), AGAIN_MS);
    };
    void look();
  }

  /** @param {Curves} curves */
  #drawCurves(curves) {
    const place = this.root.querySelector("[data-plots]");
    const groups = plotGroups(Object.keys(curves));
    if (!place || groups.length === 0) return;
    if (this.#plots.size === 0) place.replaceChildren();
    for (const { title, unit, names } of groups) {
      const plot = this.#plots.get(title) ?? this.#newPlot(place, title, unit);
      plot.draw(names, columnsOf(curves, names));
    }
  }

  /**
   * @param {Element} place
   * @param {string} title
   * @param {string} unit
   */
  #newPlot(place, title, unit) {
    const box = h("div", { class: "plot" });
    place.append(h("figure", {}, h("figcaption", { class: "small soft" }, title), box));
    const plot = new Plot(box, { xLabel: "step", yLabel: unit });
    this.#plots.set(title, plot);
    return plot;
  }

  /** @param {number[]} steps */
  #seeSteps(steps) {
    const slider = this.#slider;
    if (!slider || steps.length === this.#steps.length) return;
    const isAtEnd = Number(slider.value) >= this.#steps.length - 1;
    this.#steps = steps.toSorted((a, b) => a - b);
    slider.max = String(Math.max(0, steps.length - 1));
    slider.disabled = steps.length < 2;
    if (isAtEnd) slider.value = slider.max;
    this.#drawGrid();
  }

  #drawGrid() {
    const step = this.#steps[Number(this.#slider?.value ?? 0)];
    const image = this.root.querySelector("[data-sample-grid]");
    if (step === undefined || !(image instanceof HTMLImageElement)) return;
    image.src = `${this.samplesUrl.replace(/\/$/, "")}/${step}`;
    image.alt = `Images from the generator at step ${step}, from the same latents as at every other step`;
    show(image, true);
    const empty = this.root.querySelector("[data-sample-empty]");
    if (empty) show(empty, false);
    const words = this.root.querySelector("[data-sample-step]");
    if (words) words.textContent = String(step);
  }

  get #slider() {
    const slider = this.root.querySelector("[data-sample-slider]");
    return slider instanceof HTMLInputElement ? slider : null;
  }
}

for (const root of document.querySelectorAll("[data-training]")) {
  if (root instanceof HTMLElement) new TrainingView(root).start();
}
