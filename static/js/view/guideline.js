// @ts-check
/**
 * The guideline with its exemplars, over the answer: the image stays in sight and the keys go on working.
 *
 * @typedef {{id: string, label_class: string, caption: string, pixels_url: string}} Exemplar
 */

import { request } from "../api.js";
import { explain } from "../errors.js";
import { classOf } from "../model/answer.js";
import { h } from "./dom.js";
import { drawSamples } from "./samples.js";
import { Sheet } from "./sheet.js";

export class Guideline {
  #isFilled = false;
  #sheet = new Sheet("wb-guideline", () => void this.#fill());

  /**
   * @param {import("../model/types.js").Schema} schema
   * @param {{text: string, url: string}} source
   */
  constructor(schema, source) {
    this.schema = schema;
    this.source = source;
  }

  /** @returns {boolean} whether it is open now */
  toggle() {
    return this.#sheet.toggle();
  }

  async #fill() {
    if (this.#isFilled) return;
    const { body } = this.#sheet;
    const text = h("p", { class: "guideline-text" }, this.source.text || "The study has no written guideline.");
    body.replaceChildren(text);
    try {
      const { data } = await request("GET", this.source.url);
      body.replaceChildren(text, this.#list(data.results));
      this.#isFilled = true;
    } catch (error) {
      body.append(h("p", { class: "field-error" }, `The exemplars could not be loaded. ${explain(error).detail}`));
    }
  }

  /** @param {Exemplar[]} exemplars */
  #list(exemplars) {
    if (exemplars.length === 0) return h("p", { class: "faint small" }, "No exemplar pictures.");
    return h("ul", { class: "exemplars" }, ...exemplars.map((one) => this.#picture(one)));
  }

  /** @param {Exemplar} exemplar */
  #picture({ label_class, caption, pixels_url }) {
    const title = classOf(this.schema, label_class)?.title ?? label_class;
    const canvas = h("canvas", { role: "img", "aria-label": `${title}: ${caption}` });
    drawSamples(canvas, pixels_url).catch(() => canvas.replaceWith(h("span", { class: "faint small" }, "The picture could not be loaded.")));
    return h("li", {}, canvas, h("p", { class: "small" }, h("strong", {}, title), h("br"), caption));
  }
}
