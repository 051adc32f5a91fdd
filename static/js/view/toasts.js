// @ts-check
/** Short messages at the foot of the page, read out by screen readers. */

import { h } from "./dom.js";

/**
 * @param {string} text
 * @param {{
 *   tone?: "ok" | "bad" | "none", seconds?: number, action?: {label: string, key?: string, run: () => void}
 * }} [options] an error stays until it is closed
 * @returns {() => void} takes the message away
 */
export function toast(text, { tone = "none", seconds = 5, action } = {}) {
  const region = document.getElementById("toasts");
  const remove = () => element.remove();
  const act = () => {
    remove();
    action?.run();
  };
  const button = action
    ? h("button", { type: "button", class: "button button-small", click: act }, action.label, " ", action.key ? h("kbd", {}, action.key) : null)
    : h("button", { type: "button", class: "button button-quiet button-small", click: remove, "aria-label": "Close this message" }, "×");
  const element = h("div", { class: "toast", "data-tone": tone }, h("span", {}, text), button);
  region?.append(element);
  while (region && region.childElementCount > 3) region.firstElementChild?.remove();
  if (tone !== "bad") setTimeout(remove, seconds * 1000);
  return remove;
}
