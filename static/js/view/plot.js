// @ts-check
/**
 * A line plot behind two methods, drawn by uPlot (a script of its own on the page); where that is not
 * loaded, the newest values as a table.
 */

import { h } from "./dom.js";

/** @type {number[][]} so that series differ without colour too */
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]];
const MOST_COLOURS = 4;

export class Plot {
  /** @type {any} */
  #plot = null;
  #names = "";
  /** @type {[string[], (number | null)[][]]} */
  #last = [[], []];

  /**
   * @param {HTMLElement} root
   * @param {{xLabel: string, yLabel: string}} labels
   */
  constructor(root, labels) {
    this.root = root;
    this.labels = labels;
    this.library = /** @type {any} */ (globalThis)["uPlot"];
    document.addEventListener("synthlab:theme", () => this.#make(...this.#last));
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(root);
  }

  /**
   * @param {string[]} names
   * @param {(number | null)[][]} columns steps first
   */
  draw(names, columns) {
    this.#last = [names, columns];
    if (names.length === 0) return;
    if (!this.library) this.#drawTable(names, columns);
    else if (this.#plot && this.#names === names.join()) this.#plot.setData(columns);
    else this.#make(names, columns);
  }

  /**
   * @param {string[]} names
   * @param {(number | null)[][]} columns
   */
  #make(names, columns) {
    if (!this.library || names.length === 0) return;
    this.#plot?.destroy();
    this.root.replaceChildren();
    this.#names = names.join();
    const line = colour("--line");
    const axis = { stroke: colour("--text-soft"), grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui" };
    const series = names.map((label, index) => ({
      label, width: 2, stroke: colour(`--series-${(index % MOST_COLOURS) + 1}`), dash: DASHES[index % DASHES.length], spanGaps: true,
      points: { show: (columns[0]?.length ?? 0) < 40 },
    }));
    const options = {
      ...this.#size(), cursor: { drag: { x: true, y: false } }, scales: { x: { time: false } },
      axes: [{ ...axis, label: this.labels.xLabel }, { ...axis, label: this.labels.yLabel, size: 64 }],
      series: [{ label: this.labels.xLabel }, ...series],
    };
    this.#plot = new this.library(options, columns, this.root);
  }

  #size() {
    return { width: this.root.clientWidth, height: 260 };
  }

  /**
   * @param {string[]} names
   * @param {(number | null)[][]} columns
   */
  #drawTable(names, columns) {
    const rows = names.map((name, index) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "num" }, String(columns[index + 1]?.findLast((value) => value !== null) ?? ""))));
    this.root.replaceChildren(h("table", { class: "table" }, h("tbody", {}, ...rows)));
  }
}

/** @param {string} token */
function colour(token) {
  // A canvas needs a plain colour: let the browser resolve light-dark() on a real element.
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}
