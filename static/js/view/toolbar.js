// @ts-check
/** The tools beside the image, with their keys. */

import { SHAPE_KINDS, ruleFor } from "../model/answer.js";
import { TOOLS } from "../tools/registry.js";
import { byId, h, show, svg } from "./dom.js";
import { keyCap } from "./shortcuts.js";

/** @typedef {import("./shortcuts.js").Shortcut} Shortcut */

/** @type {Record<string, string>} drawn on a ground of 20 by 20 */
const ICONS = {
  select: "M4 3l12 6-5 2-2 5z",
  box: "M3.5 5.5h13v9h-13z",
  extreme: "M4 6h12v8H4zM9 6h2M9 14h2M4 9v2M16 9v2M10 5v2M10 13v2M3 10h2M15 10h2",
  polygon: "M10 3l7 5-3 8H6L3 8z",
  point: "M10 2v5M10 13v5M2 10h5M13 10h5M10 9.5v1",
  window: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  "zoom-in": "M9 3a6 6 0 1 0 0 12a6 6 0 1 0 0-12M13.5 13.5L18 18M6 9h6M9 6v6",
  "zoom-out": "M9 3a6 6 0 1 0 0 12a6 6 0 1 0 0-12M13.5 13.5L18 18M6 9h6",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  undo: "M7 4L3 8l4 4M3 8h9a5 5 0 0 1 0 10H8",
};

/**
 * @param {import("../model/types.js").Schema} schema
 * @param {Shortcut[]} shortcuts
 * @param {(id: string) => void} onAction with a shortcut's id
 */
export function drawToolbar(schema, shortcuts, onAction) {
  const keyOf = (/** @type {string} */ id) => shortcuts.find((shortcut) => shortcut.id === id)?.keys[0] ?? "";
  const button = (/** @type {string} */ id, /** @type {string} */ icon, /** @type {string} */ title, isToggle = false) =>
    toolButton({ id, icon, title, key: keyOf(id), isToggle }, onAction);
  const drawable = SHAPE_KINDS.filter((kind) => schema.classes.some((one) => ruleFor(one, kind) !== "none"));
  const tools = TOOLS.filter(({ draws }) => draws === null || drawable.includes(draws));
  const place = byId("wb-tools", HTMLElement);
  place.replaceChildren(
    ...tools.map(({ name, title }) => button(`tool:${name}`, name, title, true)),
    h("span", { class: "wb-gap" }),
    button("zoom-in", "zoom-in", "Zoom in"),
    button("zoom-out", "zoom-out", "Zoom out"),
    button("fit", "fit", "Show everything"),
    button("undo", "undo", "Undo"),
  );
}

/**
 * @param {{id: string, icon: string, title: string, key: string, isToggle: boolean}} tool
 * @param {(id: string) => void} onAction
 */
function toolButton({ id, icon, title, key, isToggle }, onAction) {
  const picture = svg("svg", { viewBox: "0 0 20 20", width: 20, height: 20, "aria-hidden": "true" }, svg("path", { d: ICONS[icon] ?? "" }));
  const element = h("button", {
    type: "button", class: "wb-tool", "data-action": id, title: `${title} (${keyCap(key)})`, "aria-label": title,
    "aria-keyshortcuts": key, ...(isToggle ? { "aria-pressed": "false" } : {}), click: () => onAction(id),
  }, h("kbd", { "aria-hidden": "true" }, keyCap(key).replace("Shift ", "⇧")));
  element.prepend(picture);
  return element;
}

/** @param {string} tool @param {string} hint */
export function markTool(tool, hint) {
  for (const element of document.querySelectorAll("#wb-tools [aria-pressed]")) {
    element.setAttribute("aria-pressed", String(element.getAttribute("data-action") === `tool:${tool}`));
  }
  const place = byId("viewer-hint", HTMLElement);
  place.textContent = hint;
  show(place, hint !== "");
}
