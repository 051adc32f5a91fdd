// @ts-check
/** The sheet that `?` opens, made from the same table that answers the keys. */

import { h } from "./dom.js";
import { keyCap } from "./shortcuts.js";

/** @param {import("./shortcuts.js").Shortcut[]} shortcuts */
export function openHelp(shortcuts) {
  if (document.querySelector("dialog.help[open]")) return;
  const groups = [...new Set(shortcuts.map(({ group }) => group))];
  const close = () => dialog.close();
  const dialog = h(
    "dialog", { class: "wide help", "aria-labelledby": "help-title", close: () => dialog.remove() },
    h("div", { class: "card-head" },
      h("h2", { id: "help-title" }, "Keys"),
      h("button", { type: "button", class: "button button-small", click: close }, "Close ", h("kbd", {}, "Esc"))),
    h("div", { class: "help-groups" }, ...groups.map((group) => groupOf(group, shortcuts))),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * @param {string} group
 * @param {import("./shortcuts.js").Shortcut[]} shortcuts
 */
function groupOf(group, shortcuts) {
  const rows = shortcuts.filter((shortcut) => shortcut.group === group && shortcut.keys.length > 0);
  return h("section", {}, h("h3", {}, group), h("dl", { class: "help-keys" }, ...rows.flatMap(rowOf)));
}

/** @param {import("./shortcuts.js").Shortcut} shortcut */
function rowOf({ keys, title }) {
  const caps = keys.filter((key) => !key.startsWith("Ctrl+")).flatMap((key) => [h("kbd", {}, keyCap(key)), " "]);
  return [h("dt", {}, ...caps), h("dd", {}, title)];
}
