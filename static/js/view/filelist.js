// @ts-check
/**
 * The list of chosen files: thousands of rows, each with its state and its own progress. One stop of the Tab key: arrows
 * walk, Delete removes. What is out of sight is not laid out (CSS `content-visibility`), and one row's change touches that
 * row only.
 *
 * @typedef {import("../model/upload.js").Entry} Entry
 */

import { inBytes } from "../model/upload.js";
import { h } from "./dom.js";

const WORDS = { waiting: "waiting", sending: "sending", sent: "sent", failed: "failed" };

export class FileList {
  /** @type {Map<Entry, {item: HTMLLIElement, state: HTMLElement, bar: HTMLProgressElement, remove: HTMLButtonElement}>} */
  #rows = new Map();
  /** The list's one stop of the Tab key. @type {HTMLButtonElement | null} */
  #stop = null;

  /**
   * @param {HTMLElement} list a `ul`
   * @param {(entry: Entry) => void} onRemove
   */
  constructor(list, onRemove) {
    this.list = list;
    this.onRemove = onRemove;
    list.addEventListener("keydown", (event) => this.#walk(event));
    list.addEventListener("focusin", ({ target }) => this.#stopAt(target));
  }

  /** @param {Entry[]} entries */
  add(entries) {
    const fresh = document.createDocumentFragment();
    for (const entry of entries) fresh.append(this.#row(entry));
    this.list.append(fresh);
    this.#stopAt(this.#stop ?? this.list.querySelector("button"));
  }

  clear() {
    this.#rows.clear();
    this.#stop = null;
    this.list.replaceChildren();
  }

  /** @param {Entry} entry */
  update(entry) {
    const row = this.#rows.get(entry);
    if (!row) return;
    const share = entry.size ? entry.sent / entry.size : Number(entry.state === "sent");
    row.item.dataset["state"] = entry.state;
    row.state.textContent = entry.state === "sending" ? `${Math.floor(share * 100)} %` : WORDS[entry.state] + (entry.problem ? `: ${entry.problem}` : "");
    row.bar.value = share;
    row.bar.hidden = entry.state !== "sending";
  }

  /** @param {Entry} entry */
  show(entry) {
    const item = this.#rows.get(entry)?.item;
    if (item) this.list.scrollTop = item.offsetTop - this.list.offsetTop;
  }

  /** @param {boolean} isLocked while sending, places must not move */
  lock(isLocked) {
    for (const { remove } of this.#rows.values()) remove.disabled = isLocked;
  }

  /** @param {Entry} entry */
  #row(entry) {
    const state = h("span", { class: "file-state" });
    const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": `Progress of ${entry.path}` });
    const remove = h("button", { type: "button", class: "button button-quiet button-small", tabindex: "-1", "aria-label": `Remove ${entry.path}`, click: () => this.#remove(entry) }, "Remove");
    const item = h("li", { class: "file-row" }, h("span", { class: "file-name" }, entry.path), h("span", { class: "num soft" }, inBytes(entry.size)), state, bar, remove);
    this.#rows.set(entry, { item, state, bar, remove });
    this.update(entry);
    return item;
  }

  /** @param {Entry} entry */
  #remove(entry) {
    const item = this.#rows.get(entry)?.item;
    const next = item?.nextElementSibling ?? item?.previousElementSibling;
    const hadFocus = item?.contains(document.activeElement);
    item?.remove();
    this.#rows.delete(entry);
    const button = next?.querySelector("button");
    if (item?.contains(this.#stop)) this.#stop = null;
    if (button && (hadFocus || this.#stop === null)) {
      this.#stopAt(button);
      if (hadFocus) button.focus();
    }
    this.onRemove(entry);
  }

  /** @param {EventTarget | null} target */
  #stopAt(target) {
    if (!(target instanceof HTMLButtonElement)) return;
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = target;
    target.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const item = event.target instanceof Element ? event.target.closest("li") : null;
    if (!item) return;
    /** @type {Record<string, Element | null | undefined>} */
    const steps = { ArrowDown: item.nextElementSibling, ArrowUp: item.previousElementSibling, Home: this.list.firstElementChild, End: this.list.lastElementChild };
    if (event.key in steps) {
      event.preventDefault();
      steps[event.key]?.querySelector("button")?.focus();
    } else if (event.key === "Delete") {
      event.preventDefault();
      item.querySelector("button")?.click();
    }
  }
}
