// @ts-check
/**
 * The review page: finished readings one after the other, accepted or returned by a key, with a pin where one is needed.
 *
 * @typedef {{kind: string, class: string, geometry: any}} Region
 * @typedef {{
 *   annotation: string, reader: string, decision: string, classes: string[], discard_reason: string, site: string,
 *   confidence: number | null, comment: string, is_flagged: boolean, seconds: number, regions: Region[]
 * }} Answer
 * @typedef {{id: string, because: string, width: number, height: number, pixels_url: string, answers: Answer[]}} Item
 * @typedef {{reviews_url: string, items: Item[], classes: Record<string, {title: string, colour: string}>}} ReviewData
 */

import { newKey, request } from "../api.js";
import { explain } from "../errors.js";
import { paint, readRaster } from "../model/raster.js";
import { lookupTable, openingPreset, PRESETS } from "../model/window.js";
import { byId, h, jsonFrom, show, svg } from "../view/dom.js";
import { Pinning } from "../view/pinning.js";

const POINT_RADIUS = 0.02;

class ReviewPage {
  /** @param {ReviewData} data */
  constructor(data) {
    this.data = data;
    this.queue = [...data.items];
    this.key = newKey();
    this.frame = byId("review-frame", HTMLElement);
    this.canvas = byId("review-pixels", HTMLCanvasElement);
    this.marks = byId("review-marks", SVGSVGElement);
    this.answers = byId("review-answers", HTMLElement);
    this.comment = byId("review-comment", HTMLTextAreaElement);
    this.left = byId("review-left", HTMLElement);
    this.buttons = ["review-accept", "review-return"].map((id) => byId(id, HTMLButtonElement));
    this.pinning = new Pinning(this.frame);
    this.busy = false;
  }

  start() {
    byId("review-accept", HTMLButtonElement).addEventListener("click", () => void this.decide("accept"));
    byId("review-return", HTMLButtonElement).addEventListener("click", () => void this.decide("return"));
    this.comment.addEventListener("input", () => this.tell("", ""));
    addEventListener("keydown", (event) => this.press(event));
    addEventListener("keyup", (event) => {
      if (event.key === " ") this.frame.removeAttribute("data-bare");
    });
    void this.draw();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const target = event.target instanceof Element ? event.target : document.body;
    const typing = target.matches("input, textarea, select");
    if (event.key === "Escape" && typing) return this.buttons[0]?.focus();
    if (typing || target.closest("dialog") || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    if (this.pinning.press(event) || this.act(event.key, target)) event.preventDefault();
    return undefined;
  }

  /**
   * @param {string} key
   * @param {Element} target
   * @returns {boolean} whether the key means something here
   */
  act(key, target) {
    if (key.toLowerCase() === "a") void this.decide("accept");
    else if (key.toLowerCase() === "r") void this.decide("return");
    else if (key.toLowerCase() === "c") this.comment.focus();
    else if (key === " " && !target.closest("button, summary, a")) this.frame.setAttribute("data-bare", "");
    else return false;
    return true;
  }

  /** @param {"accept" | "return"} verdict */
  async decide(verdict) {
    const answer = this.queue[0]?.answers[0];
    if (!answer || this.busy) return;
    const comment = this.comment.value.trim();
    const { point } = this.pinning;
    if (comment === "" && (point || verdict === "return")) {
      const why = point ? "A pin needs words: say what there is at this place." : "A returned reading needs a comment; the reader sees it.";
      this.tell("Say why", why);
      this.comment.focus();
      return;
    }
    this.setBusy(true);
    try {
      const body = { annotation: answer.annotation, verdict, comment, point };
      await request("POST", this.data.reviews_url, { body, key: this.key });
      this.next();
    } catch (error) {
      const { title, detail } = explain(error);
      this.tell(title, detail);
    } finally {
      this.setBusy(false);
    }
  }

  next() {
    this.queue.shift();
    this.key = newKey();
    this.comment.value = "";
    this.tell("", "");
    this.left.textContent = String(Math.max(Number(this.left.textContent) - 1, 0));
    if (this.queue.length === 0) location.reload();
    else void this.draw();
  }

  async draw() {
    const item = this.queue[0];
    if (!item) return;
    this.pinning.reset(item);
    const because = item.because && h("p", { class: "small faint" }, `It waits because: ${item.because}.`);
    this.answers.replaceChildren(...item.answers.map((answer) => this.describe(answer)), ...(because ? [because] : []));
    this.canvas.width = item.width;
    this.canvas.height = item.height;
    this.marks.setAttribute("viewBox", `0 0 ${item.width} ${item.height}`);
    this.marks.replaceChildren(...item.answers.flatMap(({ regions }) => regions.flatMap((region) => this.outline(region, item))));
    try {
      const { data, headers } = await request("GET", item.pixels_url, { as: "buffer" });
      if (item === this.queue[0]) this.paint(readRaster(data, headers));
    } catch (error) {
      const { title, detail } = explain(error);
      this.tell(title, detail);
    }
  }

  /** @param {import("../model/types.js").Raster} raster */
  paint(raster) {
    const context = this.canvas.getContext("2d");
    const preset = PRESETS[openingPreset(raster)];
    if (!context || !preset) return;
    const pixels = context.createImageData(raster.width, raster.height);
    paint(raster, lookupTable(preset.of(raster), raster.bits), pixels.data);
    context.putImageData(pixels, 0, 0);
  }

  /**
   * @param {Region} region
   * @param {Item} item
   */
  outline({ kind, class: key, geometry }, item) {
    const stroke = this.data.classes[key]?.colour ?? "#ffffff";
    const shape = (/** @type {string} */ role) => {
      /** @type {Record<string, string>} */
      const look = role === "mark" ? { class: role, stroke } : { class: role };
      if (kind === "point") return svg("circle", { ...look, cx: geometry.x, cy: geometry.y, r: POINT_RADIUS * item.width });
      const points = kind === "box" ? corners(geometry) : geometry.points;
      return svg("polygon", { ...look, points: points.map((/** @type {number[]} */ point) => point.join(",")).join(" ") });
    };
    return [shape("halo"), shape("mark")];
  }

  /** @param {Answer} answer */
  describe(answer) {
    const titles = answer.classes.map((key) => this.data.classes[key]?.title ?? key).join(", ");
    const marks = answer.regions.length === 1 ? "1 mark" : `${answer.regions.length} marks`;
    const facts = [answer.site, answer.confidence ? `sure: ${answer.confidence} of 5` : "", marks, `${answer.seconds} s`];
    return h("div", { class: "card stack-tight" },
      h("p", { class: "label" }, answer.decision === "discarded" ? `Discarded: ${answer.discard_reason}` : titles),
      h("p", { class: "small soft num" }, facts.filter(Boolean).join(" · ")),
      answer.is_flagged && h("p", { class: "notice", "data-tone": "warn" }, "The reader asks for a second opinion."),
      answer.comment !== "" && h("p", { class: "small" }, answer.comment),
      h("p", { class: "small faint" }, `Reader ${answer.reader}`),
    );
  }

  /** @param {boolean} isBusy */
  setBusy(isBusy) {
    this.busy = isBusy;
    for (const button of this.buttons) button.disabled = isBusy;
  }

  /**
   * @param {string} title
   * @param {string} detail
   */
  tell(title, detail) {
    const box = document.querySelector("#review [data-problem]");
    const [head, body] = [box?.querySelector("[data-problem-title]"), box?.querySelector("[data-problem-detail]")];
    if (!box || !head || !body) return;
    head.textContent = title;
    body.textContent = detail;
    show(box, title !== "");
  }
}

/** @param {{x: number, y: number, width: number, height: number}} box */
function corners({ x, y, width, height }) {
  return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
}

new ReviewPage(jsonFrom("review-data")).start();
