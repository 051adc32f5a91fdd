// @ts-check
/** Decisions about refused pictures, one after the other: a decided one says so where it stands, and the next is at hand. */

import { h } from "../view/dom.js";
import { nameOrdinals } from "../state/names.js";

for (const row of document.querySelectorAll("[data-rejection]")) {
  row.addEventListener("synthlab:done", (event) => {
    const made = event instanceof CustomEvent ? event.detail : null;
    const actions = row.querySelector("[data-rejection-actions]");
    const words = made?.split ? `Taken in, on the side “${made.split}”.` : "Kept out. Its picture is deleted.";
    const told = h("p", { class: "small soft", role: "status", tabindex: "-1" }, words);
    actions?.replaceWith(told);
    if (!made?.split) row.querySelector("img")?.replaceWith(h("span", { class: "no-picture faint small" }, "deleted"));
    const next = row.nextElementSibling?.querySelector("button, a");
    (next instanceof HTMLElement ? next : told).focus();
  });
}
nameOrdinals();
