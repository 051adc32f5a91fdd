// @ts-check
/**
 * The reader's own answers, newest first, beside the image; those nobody has built on can be taken up again.
 *
 * @typedef {import("../model/types.js").OwnAnswer} OwnAnswer
 * @typedef {import("../model/types.js").Schema} Schema
 * @typedef {{
 *   load: (page: string | null) => Promise<{results: OwnAnswer[], next: string | null}>,
 *   unsent: () => number, reopen: (id: string) => Promise<void>
 * }} Source
 */

import { explain } from "../errors.js";
import { classOf, fromWire } from "../model/answer.js";
import { h, svg } from "./dom.js";
import { pathOf } from "./overlay.js";
import { drawSamples } from "./samples.js";
import { Sheet } from "./sheet.js";

/** Side of a thumbnail, in screen pixels. */
const SIDE = 64;

export class OwnAnswers {
  #sheet = new Sheet("wb-own", () => void this.#open());
  #list = h("ul", { class: "own-answers" });
  #more = h("button", { type: "button", class: "button button-small", hidden: true, click: () => void this.#load() }, "Earlier answers");
  #note = h("p", { class: "small", role: "status" });
  /** @type {string | null} */
  #next = null;
  /** Pictures are fetched when they come into sight. */
  #watch = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) this.#draw(target);
  });
  /** @type {WeakMap<Element, OwnAnswer>} */
  #rows = new WeakMap();

  /**
   * @param {Schema} schema
   * @param {Source} source
   */
  constructor(schema, source) {
    this.schema = schema;
    this.source = source;
  }

  /** @returns {boolean} whether it is open now */
  toggle() {
    return this.#sheet.toggle();
  }

  async #open() {
    this.#next = null;
    this.#list.replaceChildren();
    this.#note.className = "small soft";
    this.#sheet.body.replaceChildren(this.#note, this.#list, this.#more);
    await this.#load();
    this.#list.querySelector("button")?.focus({ preventScroll: true });
  }

  async #load() {
    this.#note.textContent = "Loading…";
    try {
      const { results, next } = await this.source.load(this.#next);
      this.#next = next;
      this.#list.append(...results.map((row) => this.#row(row)));
      this.#note.textContent = this.#words();
    } catch (error) {
      this.#fail(error);
    }
    this.#more.hidden = this.#next === null;
  }

  #words() {
    const unsent = this.source.unsent();
    const onTheWay = unsent === 0 ? "" : unsent === 1 ? "1 answer is still on its way." : `${unsent} answers are still on their way.`;
    return this.#list.childElementCount === 0 ? `No answers yet. ${onTheWay}` : onTheWay;
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#note.className = "field-error";
    this.#note.textContent = explain(error).detail;
  }

  /** @param {OwnAnswer} row */
  #row(row) {
    const title = this.#title(row);
    const canvas = h("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
    const reopen = () => this.source.reopen(row.id).then(() => this.#sheet.close(), (error) => this.#fail(error));
    const picture = h("div", { class: "own-picture" }, canvas);
    this.#rows.set(picture, row);
    this.#watch.observe(picture);
    return h("li", {}, picture,
      h("div", {}, h("strong", {}, title), h("div", { class: "own-foot" }, h("p", { class: "faint small num" }, this.#facts(row)),
        row.can_reopen
          ? h("button", { type: "button", class: "button button-small", "aria-label": `Reopen: ${title}, ${when(row.submitted_at)}`, click: reopen }, "Reopen")
          : h("span", { class: "badge", title: "This answer, or one you gave after it, has been reviewed or used." }, "Closed"))));
  }

  /** @param {OwnAnswer} row */
  #title({ answer }) {
    if (answer.decision === "labelled") return answer.classes.map((key) => classOf(this.schema, key)?.title ?? key).join(", ");
    const reason = this.schema.discard_reasons.find(({ key }) => key === answer.discard_reason)?.title;
    return `Discarded: ${reason ?? answer.discard_reason}`;
  }

  /** @param {OwnAnswer} row */
  #facts({ answer, submitted_at, active_seconds }) {
    const n = answer.regions.length;
    return [
      when(submitted_at), n > 0 && (n === 1 ? "1\u00a0mark" : `${n}\u00a0marks`), answer.confidence && `sure: ${answer.confidence} of 5`,
      answer.flag_second_opinion && "second opinion asked", `${Math.round(active_seconds)}\u00a0s`,
    ].filter(Boolean).join(" · ");
  }

  /** @param {Element} picture */
  #draw(picture) {
    const row = this.#rows.get(picture);
    const canvas = picture.querySelector("canvas");
    this.#watch.unobserve(picture);
    if (!row || !canvas) return;
    drawSamples(canvas, row.pixels_url).then(
      (size) => picture.append(this.#marks(row, size)),
      () => picture.replaceChildren(h("span", { class: "faint small" }, "No picture")),
    );
  }

  /**
   * @param {OwnAnswer} row
   * @param {import("../model/types.js").Size} size
   */
  #marks({ answer }, { width, height }) {
    const view = { scale: SIDE / Math.max(width, height), x: 0, y: 0 };
    const { shapes } = fromWire(answer, () => "");
    return svg("svg", { viewBox: `0 0 ${width * view.scale} ${height * view.scale}`, "aria-hidden": "true" },
      ...shapes.map((shape) => svg("path", { d: pathOf(shape, view), class: "shape-line", stroke: classOf(this.schema, shape.class)?.colour ?? "#ffffff" })));
  }
}

/** @param {string} iso */
function when(iso) {
  const then = new Date(iso);
  const isToday = then.toDateString() === new Date().toDateString();
  return then.toLocaleString([], { hour: "2-digit", minute: "2-digit", ...(isToday ? {} : { day: "numeric", month: "short" }) });
}
