// @ts-check
/**
 * The answer beside the image: findings, marks, site, certainty, comment, and what is missing.
 *
 * @typedef {import("../model/types.js").Answer} Answer
 * @typedef {import("../model/types.js").Schema} Schema
 * @typedef {import("../model/types.js").Shape} Shape
 * @typedef {import("../model/types.js").Size} Size
 * @typedef {import("../model/answer.js").Missing} Missing
 * @typedef {{
 *   onClass: (key: string) => void, onShape: (id: string) => void, onDelete: (id: string) => void,
 *   onChange: (change: Partial<Answer>, merge?: string) => void
 * }} Handlers
 */

import { classOf, missingKind, ruleFor, SHAPE_KINDS } from "../model/answer.js";
import { describePlace, KIND_TITLES } from "../model/shapes.js";
import { arrange, byId, h, show } from "./dom.js";
import { keyCap } from "./shortcuts.js";

const CERTAINTY = ["Guessing", "Unsure", "Fairly sure", "Sure", "Certain"];

export class Panel {
  #classes = byId("wb-classes", HTMLFieldSetElement);
  #regions = byId("wb-regions", HTMLUListElement);
  #regionsGroup = byId("wb-regions-group", HTMLElement);
  #confidence = byId("wb-confidence", HTMLFieldSetElement);
  #site = byId("wb-site", HTMLSelectElement);
  #comment = byId("wb-comment", HTMLTextAreaElement);
  #flag = byId("wb-flag", HTMLButtonElement);
  /** The rows of marks that stand there, by id. @type {Map<string, {shape: Shape, isSelected: boolean, size: Size, node: HTMLElement}>} */
  #rows = new Map();

  /**
   * @param {Schema} schema
   * @param {Map<string, string>} keys the key of each class, by class
   * @param {Handlers} handlers
   */
  constructor(schema, keys, handlers) {
    this.schema = schema;
    this.handlers = handlers;
    this.#classes.append(...schema.classes.map((one) => this.#classButton(one, keys.get(one.key))));
    this.#confidence.append(h("div", { class: "wb-scale" }, ...CERTAINTY.map((title, index) => this.#certainty(title, index + 1))));
    this.#site.append(h("option", { value: "" }, "Not stated"), ...schema.sites.map(({ key, title }) => h("option", { value: key }, title)));
    show(byId("wb-site-group", HTMLElement), schema.sites.length > 0);
    show(this.#regionsGroup, schema.classes.some((one) => SHAPE_KINDS.some((kind) => ruleFor(one, kind) !== "none")));
    this.#site.addEventListener("change", () => handlers.onChange({ site: this.#site.value || null }));
    this.#comment.addEventListener("input", () => handlers.onChange({ comment: this.#comment.value }, "comment"));
    this.#flag.addEventListener("click", () => handlers.onChange({ flagged: this.#flag.getAttribute("aria-pressed") !== "true" }));
  }

  /** A new image begins at the findings. */
  scrollUp() {
    this.#classes.parentElement?.scrollTo({ top: 0 });
  }

  focusComment() {
    this.#comment.focus();
  }

  /**
   * @param {Answer} answer
   * @param {{active: string | null, selected: string | null, size: Size, enabled: boolean}} state
   */
  draw(answer, { active, selected, size, enabled }) {
    for (const button of this.#classes.querySelectorAll("button")) {
      const key = button.dataset["class"] ?? "";
      button.setAttribute("aria-pressed", String(answer.classes.includes(key)));
      button.classList.toggle("is-active", key === active && this.schema.mode === "many");
    }
    for (const button of this.#confidence.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.value) === answer.confidence));
    }
    this.#site.value = answer.site ?? "";
    if (this.#comment.value !== answer.comment) this.#comment.value = answer.comment;
    this.#flag.setAttribute("aria-pressed", String(answer.flagged));
    this.#drawRegions(answer, selected, size);
    for (const control of [this.#classes, this.#confidence, this.#site, this.#comment, this.#flag]) control.disabled = !enabled;
  }

  /**
   * What should be known of an image that comes again.
   *
   * @param {string} note what a reviewer said when they gave it back to the reader
   * @param {string | null | undefined} discarded the reason for which it had been discarded: nothing else shows that
   */
  showNote(note, discarded) {
    const reason = this.schema.discard_reasons.find(({ key }) => key === discarded)?.title;
    byId("wb-notice", HTMLElement).replaceChildren(
      ...(note ? [h("p", { class: "notice", "data-tone": "warn" }, h("strong", {}, "Back from review. "), note)] : []),
      ...(reason ? [h("p", { class: "notice" }, h("strong", {}, "You had discarded it: "), reason, ". Label it now, or discard it again.")] : []),
    );
  }

  /** @param {Missing[]} missing shown at the fields they belong to; none clears them */
  showMissing(missing) {
    for (const field of /** @type {const} */ (["classes", "regions", "other"])) {
      const texts = missing.filter((one) => one.field === field).map(({ text }) => text);
      const place = byId(`wb-${field}-error`, HTMLElement);
      place.textContent = texts.join(" ");
      show(place, texts.length > 0);
    }
    const target = missing[0] ? byId(`wb-${missing[0].field}-error`, HTMLElement) : null;
    target?.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {import("../model/types.js").LabelClass} labelClass
   * @param {string | undefined} key
   */
  #classButton({ key: id, title, colour, region_kinds }, key) {
    const needs = SHAPE_KINDS.filter((kind) => region_kinds[kind] === "required").map((kind) => KIND_TITLES[kind].toLowerCase());
    const swatch = h("span", { class: "wb-swatch", "aria-hidden": "true" });
    swatch.style.setProperty("--class-colour", colour);
    return h(
      "button",
      { type: "button", class: "wb-choice", "data-class": id, "aria-pressed": "false", click: () => this.handlers.onClass(id) },
      key ? h("kbd", {}, keyCap(key)) : null, swatch, h("span", { class: "wb-choice-title" }, title),
      needs.length > 0 ? h("span", { class: "faint small" }, needs.join(", ")) : null,
    );
  }

  /**
   * @param {string} title
   * @param {number} value
   */
  #certainty(title, value) {
    const pick = () => {
      const isSame = button.getAttribute("aria-pressed") === "true";
      this.handlers.onChange({ confidence: isSame ? null : value });
    };
    const button = h("button", { type: "button", value, title, "aria-label": `${value}, ${title}`, "aria-pressed": "false", click: pick }, String(value));
    return button;
  }

  /**
   * @param {Answer} answer
   * @param {string | null} selected
   * @param {Size} size
   */
  #drawRegions(answer, selected, size) {
    this.#rows = new Map(answer.shapes.map((shape) => [shape.id, this.#row(shape, shape.id === selected, size)]));
    const rows = [...this.#rows.values()].map(({ node }) => node);
    const wanted = answer.classes.map((key) => classOf(this.schema, key)).flatMap((one) => {
      const kind = missingKind(answer, one);
      return one && kind ? [h("li", { class: "wb-wanted" }, `${KIND_TITLES[kind]} for ${one.title}: draw it on the image`)] : [];
    });
    const none = rows.length + wanted.length === 0 ? [h("li", { class: "faint small" }, "None")] : [];
    this.#keepFocus(() => arrange(this.#regions, [...rows, ...wanted, ...none]));
  }

  /** A row that changed is made anew; whoever had the focus keeps it. @param {() => void} work */
  #keepFocus(work) {
    const held = document.activeElement instanceof HTMLElement && this.#regions.contains(document.activeElement)
      ? document.activeElement.dataset["focus"] : undefined;
    work();
    if (held) this.#regions.querySelector(/** @type {`button`} */ (`[data-focus="${CSS.escape(held)}"]`))?.focus();
  }

  /**
   * The row that stands there, if it says the same still.
   *
   * @param {Shape} shape
   * @param {boolean} isSelected
   * @param {Size} size
   */
  #row(shape, isSelected, size) {
    const known = this.#rows.get(shape.id);
    const isSame = known?.shape === shape && known.isSelected === isSelected && known.size === size;
    return isSame ? known : { shape, isSelected, size, node: this.#regionRow(shape, isSelected, size) };
  }

  /**
   * @param {Shape} shape
   * @param {boolean} isSelected
   * @param {Size} size
   */
  #regionRow(shape, isSelected, size) {
    const labelClass = classOf(this.schema, shape.class);
    const swatch = h("span", { class: "wb-swatch", "aria-hidden": "true" });
    swatch.style.setProperty("--class-colour", labelClass?.colour ?? "#ffffff");
    const name = `${KIND_TITLES[shape.kind]}, ${labelClass?.title ?? shape.class}`;
    return h("li", {},
      h("button", { type: "button", class: "wb-region", "data-focus": shape.id, "aria-pressed": String(isSelected), click: () => this.handlers.onShape(shape.id) },
        swatch, h("span", {}, name, h("span", { class: "faint num" }, describePlace(shape, size)))),
      h("button", { type: "button", class: "button button-quiet button-icon button-small", "data-focus": `delete ${shape.id}`, "aria-label": `Remove ${name}`, click: () => this.handlers.onDelete(shape.id) }, "×"));
  }
}
