// @ts-check
/**
 * The second step of discarding and skipping: reasons in place of the findings, each with its digit.
 *
 * @typedef {import("./shortcuts.js").Shortcut} Shortcut
 * @typedef {{title: string, items: {key: string, title: string}[], shortcuts: Shortcut[]}} ChoiceList
 */

import { byId, h, show } from "./dom.js";
import { keyCap } from "./shortcuts.js";

export class Choices {
  #place = byId("wb-choices", HTMLFieldSetElement);
  #classes = byId("wb-classes", HTMLFieldSetElement);

  /** @param {(context: "discard" | "skip", key: string) => void} onPick */
  constructor(onPick) {
    this.onPick = onPick;
    /** @type {"discard" | "skip" | null} */
    this.open = null;
  }

  /**
   * @param {"discard" | "skip"} context
   * @param {ChoiceList} list
   */
  show(context, { title, items, shortcuts }) {
    this.open = context;
    const back = h("button", { type: "button", class: "button button-quiet button-small", click: () => this.close() }, "Back ", h("kbd", {}, "Esc"));
    const buttons = items.map(({ key, title: words }, index) => {
      const cap = shortcuts[index]?.keys[0];
      return h("button", { type: "button", class: "wb-choice", "data-choice": key, click: () => this.onPick(context, key) },
        cap ? h("kbd", {}, keyCap(cap)) : null, h("span", { class: "wb-choice-title" }, words));
    });
    this.#place.replaceChildren(h("legend", { class: "label" }, title), ...buttons, back);
    this.#swap(true);
  }

  /** @returns {boolean} whether something was open */
  close() {
    const wasOpen = this.open !== null;
    this.open = null;
    this.#swap(false);
    return wasOpen;
  }

  /** @param {boolean} isOpen */
  #swap(isOpen) {
    show(this.#place, isOpen);
    show(this.#classes, !isOpen);
    byId("wb-panel", HTMLElement).dataset["choosing"] = this.open ?? "";
  }
}
