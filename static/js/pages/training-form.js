// @ts-check
/**
 * The form that starts a training: what each length takes on this machine, what should be known before the start, shares
 * of classes, augmentations.
 *
 * `[data-training-form]` carries `data-estimate-url`, `-dataset` and `-parent`. The estimate is asked for at first sight,
 * measured where nothing is known, and asked for again when a setting changes; after a change only the button measures.
 *
 * @typedef {import("../model/estimate.js").PresetEstimate} PresetEstimate
 * @typedef {{code: string, detail: string, must_confirm: boolean}} Caution
 * @typedef {{presets: PresetEstimate[], cautions: Caution[], job: string | null}} Answer
 */

import { request } from "../api.js";
import { explain } from "../errors.js";
import { provenance, span, targetsOf } from "../model/estimate.js";
import { h, show } from "../view/dom.js";
import { bodyOf } from "./forms.js";

const SETTLED_MS = 600;
const AGAIN_MS = 1000;
const LIVE = new Set(["queued", "running"]);

class TrainingForm {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #waiting;
  #asked = 0;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.url = form.getAttribute("data-estimate-url") ?? "";
  }

  start() {
    this.form.addEventListener("input", () => this.#changed());
    this.#one("[data-estimate-measure]")?.addEventListener("click", () => void this.#ask("again"));
    const details = this.form.querySelector("details");
    // An error that nobody sees helps nobody.
    if (details) new MutationObserver(() => (details.open ||= details.querySelector("[data-field-error]") !== null)).observe(details, { childList: true, subtree: true });
    this.#follow();
    void this.#ask("missing");
  }

  #changed() {
    this.#follow();
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => void this.#ask("never"), SETTLED_MS);
  }

  /** Fields that follow others. */
  #follow() {
    this.#followClasses();
    this.#followAugmentation();
  }

  #followClasses() {
    const part = this.#one("[data-class-part]");
    const conditional = this.form.elements.namedItem("config.conditional");
    if (!part || !(conditional instanceof HTMLInputElement)) return;
    show(part, conditional.checked);
    const mode = this.#value("[data-class-mode]");
    this.#put("[data-class-balance]", String(mode !== "natural"));
    const shares = [...this.form.querySelectorAll("[data-class-share]")].filter((field) => field instanceof HTMLInputElement);
    for (const field of shares) field.disabled = mode !== "own";
    if (mode !== "own") this.#fillShares(shares, mode === "natural");
    const { targets, total } = targetsOf(Object.fromEntries(shares.map((field) => [field.dataset["classShare"] ?? "", Number(field.value)])));
    this.#put("[data-class-targets]", JSON.stringify(mode === "own" && conditional.checked ? targets : {}));
    this.#say("[data-class-sum]", mode === "own" ? `The shares add up to ${total.toFixed(1)} %; they have to make 100 %.` : "");
  }

  /**
   * @param {HTMLInputElement[]} fields
   * @param {boolean} asCounted
   */
  #fillShares(fields, asCounted) {
    const counts = fields.map((field) => (asCounted ? Number(field.closest("tr")?.querySelector("[data-class-count]")?.textContent) : 1));
    const sum = counts.reduce((total, count) => total + count, 0);
    fields.forEach((field, place) => (field.value = ((100 * (counts[place] ?? 0)) / sum).toFixed(1)));
  }

  #followAugmentation() {
    const usual = this.#one("[data-augment-usual]");
    const list = this.#one("[data-augment-list]");
    if (!(usual instanceof HTMLInputElement) || !(list instanceof HTMLInputElement)) return;
    const boxes = [...this.form.querySelectorAll("[data-augment]")].filter((box) => box instanceof HTMLInputElement);
    for (const box of boxes) box.disabled = usual.checked;
    list.disabled = usual.checked;
    list.value = JSON.stringify(boxes.filter((box) => box.checked).map((box) => box.value));
  }

  /** @param {"never" | "missing" | "again"} measure */
  async #ask(measure) {
    const turn = ++this.#asked;
    const parent = this.form.getAttribute("data-estimate-parent");
    const { config = {}, seed } = /** @type {Record<string, any>} */ (bodyOf(this.form));
    const body = { dataset: this.form.getAttribute("data-estimate-dataset"), config, seed, measure, ...(parent ? { cloned_from: parent } : {}) };
    try {
      const { data } = await request("POST", this.url, { body, tries: 2 });
      if (turn !== this.#asked) return;
      this.#draw(data);
      if (data.job) await this.#await(data.job, turn);
    } catch (error) {
      if (turn !== this.#asked) return;
      const { title, detail } = explain(error);
      this.#say("[data-estimate-status]", detail || title);
    }
  }

  /**
   * @param {string} job
   * @param {number} turn
   */
  async #await(job, turn) {
    this.#say("[data-estimate-status]", "A few steps are being measured on this machine; half a minute where nothing else is at work, longer beside other work.");
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      if (turn !== this.#asked || !this.form.isConnected) return;
      const { data } = await request("GET", `/api/v1/jobs/${job}`, { tries: 2 });
      if (LIVE.has(data.state)) continue;
      if (data.state === "succeeded") return this.#ask("never");
      this.#say("[data-estimate-status]", `The measurement ended without a figure: ${data.error || data.state}.`);
      return;
    }
  }

  /** @param {Answer} answer */
  #draw({ presets, cautions }) {
    for (const preset of presets) {
      const isKnown = preset.is_known && preset.seconds_low !== undefined && preset.seconds_high !== undefined;
      this.#say(`[data-preset-time="${preset.name}"]`, isKnown ? span(preset.seconds_low ?? 0, preset.seconds_high ?? 0) : "time not known yet");
      if (preset.steps !== null) this.#say(`[data-preset-steps="${preset.name}"]`, `${preset.steps.toLocaleString("en")} steps`);
    }
    this.#say("[data-estimate-status]", provenance(presets, Date.now()));
    const box = this.#one("[data-cautions]");
    const list = this.#one("[data-caution-list]");
    const confirm = this.#one("[data-caution-confirm]");
    if (!box || !list || !confirm) return;
    list.replaceChildren(...cautions.map(({ detail }) => h("li", {}, detail)));
    show(box, cautions.length > 0);
    show(confirm, cautions.some(({ must_confirm }) => must_confirm));
  }

  /** @param {string} selector */
  #one(selector) {
    const found = this.form.querySelector(selector);
    return found instanceof HTMLElement ? found : null;
  }

  /** @param {string} selector */
  #value(selector) {
    const field = this.#one(selector);
    return field instanceof HTMLSelectElement || field instanceof HTMLInputElement ? field.value : "";
  }

  /** @param {string} selector @param {string} value */
  #put(selector, value) {
    const field = this.#one(selector);
    if (field instanceof HTMLInputElement) field.value = value;
  }

  /** @param {string} selector @param {string} text */
  #say(selector, text) {
    const place = this.#one(selector);
    if (place && place.textContent !== text) place.textContent = text;
  }
}

for (const form of document.querySelectorAll("[data-training-form]")) {
  if (form instanceof HTMLFormElement) new TrainingForm(form).start();
}
