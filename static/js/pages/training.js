// @ts-check
/**
 * A training's curves and sample grids, live while it runs.
 *
 * `[data-training]` carries `data-metrics-url` (answers `{"metrics": {name: [[step, value], …]}}`),
 * `data-samples-url` (answers `{"steps": […]}`; one grid stands at that address with the step behind
 * it), `data-live="true|false"` and, for a clone, `data-parent-url`: its parent's metrics. Inside: `[data-plots]`,
 * `[data-now-…]` (step, speed, memory, best), `[data-sample-grid]`, `-rows`, `-slider`, `-play`, `-step`, `-empty`.
 *
 * @typedef {import("../model/series.js").Curves} Curves
 */

import { request } from "../api.js";
import { beside, columnsOf, newest, plotGroups } from "../model/series.js";
import { h, show } from "../view/dom.js";
import { Plot } from "../view/plot.js";

const AGAIN_MS = 3000;
const FRAME_MS = 400;

class TrainingView {
  /** @type {Map<string, Plot>} by the title of their group */
  #plots = new Map();
  /** @type {number[]} */
  #steps = [];
  /** @type {Curves} */
  #parent = {};
  /** @type {Curves} */
  #curves = {};
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #playing;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.samplesUrl = root.dataset["samplesUrl"] ?? "";
    this.#slider?.addEventListener("input", () => this.#drawGrid());
    this.#button?.addEventListener("click", () => this.#play(this.#playing === undefined));
  }

  start() {
    this.#follow(this.root.dataset["metricsUrl"] ?? "", (data) => this.#drawCurves((this.#curves = data.metrics ?? {})));
    if (this.samplesUrl) this.#follow(this.samplesUrl, (data) => this.#seeSteps(data.steps ?? [], data.rows ?? []));
    const { parentUrl } = this.root.dataset;
    if (parentUrl) void request("GET", parentUrl).then(({ data }) => this.#drawCurves(this.#curves, (this.#parent = data.metrics ?? {})), () => null);
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

  /**
   * @param {Curves} own
   * @param {Curves} parent
   */
  #drawCurves(own, parent = this.#parent) {
    const place = this.root.querySelector("[data-plots]");
    const curves = beside(own, parent);
    const groups = plotGroups(Object.keys(curves));
    if (!place || groups.length === 0) return;
    if (this.#plots.size === 0) place.replaceChildren();
    for (const { title, unit, names } of groups) {
      const plot = this.#plots.get(title) ?? this.#newPlot(place, title, unit);
      plot.draw(names, columnsOf(curves, names));
    }
    for (const [name, text] of Object.entries(newest(own))) {
      const words = this.root.querySelector(`[data-now-${name}]`);
      if (words) words.textContent = text;
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

  /**
   * @param {number[]} steps
   * @param {string[]} rows names of the grid's rows, where each row is a class
   */
  #seeSteps(steps, rows) {
    const slider = this.#slider;
    this.root.querySelector("[data-sample-rows]")?.replaceChildren(...rows.map((name) => h("li", {}, name)));
    if (!slider || steps.length === this.#steps.length) return;
    const isAtEnd = Number(slider.value) >= this.#steps.length - 1;
    this.#steps = steps.toSorted((a, b) => a - b);
    slider.max = String(Math.max(0, steps.length - 1));
    slider.disabled = steps.length < 2;
    if (this.#button) this.#button.disabled = steps.length < 2;
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
    if (words) words.textContent = step.toLocaleString("en");
    this.#slider?.setAttribute("aria-valuetext", `step ${step}`);
  }

  /**
   * Shows one grid after the other, from the first again when it stands at the last.
   *
   * @param {boolean} isOn
   */
  #play(isOn) {
    const slider = this.#slider;
    clearInterval(this.#playing);
    this.#playing = undefined;
    if (isOn && slider) {
      if (Number(slider.value) >= this.#steps.length - 1) slider.value = "0";
      this.#drawGrid();
      this.#playing = setInterval(() => this.#next(slider), FRAME_MS);
    }
    if (this.#button) this.#button.textContent = this.#playing === undefined ? "Play" : "Stop";
  }

  /** @param {HTMLInputElement} slider */
  #next(slider) {
    if (Number(slider.value) >= this.#steps.length - 1) return this.#play(false);
    slider.value = String(Number(slider.value) + 1);
    this.#drawGrid();
  }

  get #button() {
    const button = this.root.querySelector("[data-sample-play]");
    return button instanceof HTMLButtonElement ? button : null;
  }

  get #slider() {
    const slider = this.root.querySelector("[data-sample-slider]");
    return slider instanceof HTMLInputElement ? slider : null;
  }
}

for (const root of document.querySelectorAll("[data-training]")) {
  if (root instanceof HTMLElement) new TrainingView(root).start();
}
