// @ts-check
/**
 * The second step of discarding and skipping: reasons in place of the findings, each with its digit.
 *
 * @typedef {import("./shortcuts.js").Shortcut} Shortcut
 * @typedef {"discard" | "skip"} ChoiceContext
 * @typedef {{title: string, items: {key: string, title: string}[], shortcuts: Shortcut[]}} ChoiceList
 */

import { byId, h, show } from "./dom.js";
import { choiceShortcuts, keyCap } from "./shortcuts.js";

const SKIPS = [
  { key: "later", title: "Later: bring it back to me" },
  { key: "not_my_field", title: "Not my field: give it to somebody else" },
];

export class Choices {
  #place = byId("wb-choices", HTMLFieldSetElement);
  #classes = byId("wb-classes", HTMLFieldSetElement);

  /** @param {import("./workbench.js").Workbench} bench */
  constructor(bench) {
    const reasons = bench.schema.discard_reasons;
    this.bench = bench;
    /** @type {ChoiceContext | null} */
    this.open = null;
    /** @type {Record<ChoiceContext, ChoiceList>} */
    this.lists = {
      discard: { title: "Discard: why?", items: reasons, shortcuts: choiceShortcuts(reasons, "reason", "Reasons to discard", "discard") },
      skip: { title: "Skip: why?", items: SKIPS, shortcuts: choiceShortcuts(SKIPS, "why", "Ways to skip", "skip") },
    };
  }

  get shortcuts() {
    return [...this.lists.discard.shortcuts, ...this.lists.skip.shortcuts];
  }

  /** @param {ChoiceContext} context */
  toggle(context) {
    if (!this.bench.isReading) return;
    if (this.open === context) {
      this.close();
      return;
    }
    this.bench.stage.setTool("select");
    this.bench.panel.showMissing([]); // what an answer lacks is no fault of a discard
    this.#show(context);
  }

  /**
   * @param {ChoiceContext} context
   * @param {string} key
   */
  pick(context, key) {
    if (!this.bench.isReading) return;
    const { reading } = this.bench;
    const title = this.lists[context].items.find((one) => one.key === key)?.title ?? key;
    this.close();
    const done = context === "discard" ? reading.discard(key) : reading.skip(key === "later" ? "later" : "not_my_field");
    void done.then(() => this.bench.offerUndo(`${context === "discard" ? "Discarded" : "Skipped"}: ${title}`));
  }

  /** @returns {boolean} whether something was open */
  close() {
    const wasOpen = this.open !== null;
    this.open = null;
    this.#swap();
    return wasOpen;
  }

  /** @param {ChoiceContext} context */
  #show(context) {
    const { title, items, shortcuts } = this.lists[context];
    const caps = items.map((_, index) => shortcuts[index]?.keys[0] ?? "");
    const buttons = items.map(({ key, title: words }, index) =>
      h("button", { type: "button", class: "wb-choice", "data-choice": key, click: () => this.pick(context, key) },
        caps[index] ? h("kbd", {}, keyCap(caps[index])) : null, h("span", { class: "wb-choice-title" }, words)));
    const back = h("button", { type: "button", class: "button button-quiet button-small", click: () => this.close() }, "Back ", h("kbd", {}, "Esc"));
    this.#place.replaceChildren(h("legend", { class: "label" }, title), ...buttons, back);
    this.open = context;
    this.#swap();
    this.bench.say(`${title} ${items.map((item, index) => `${caps[index]} ${item.title}`).join(", ")}`);
  }

  #swap() {
    show(this.#place, this.open !== null);
    show(this.#classes, this.open === null);
    byId("wb-panel", HTMLElement).dataset["choosing"] = this.open ?? "";
  }
}
