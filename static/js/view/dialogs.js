// @ts-check
/** The few moments that need an answer before one can go on. */

import { h } from "./dom.js";

/**
 * @param {string} id
 * @param {string} title
 * @param {Node[]} body
 * @param {HTMLElement[]} actions
 */
function open(id, title, body, actions) {
  const known = document.getElementById(id);
  if (known instanceof HTMLDialogElement && known.open) return known;
  const dialog = h("dialog", { id, "aria-labelledby": `${id}-title`, close: () => dialog.remove() },
    h("h2", { id: `${id}-title` }, title), ...body, h("div", { class: "dialog-actions" }, ...actions));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * The login has ended: nothing is lost, log in in another tab and go on here.
 *
 * @param {{loginUrl: string, waiting: number, onBack: () => Promise<boolean>}} options `onBack` tells
 *   whether the same person is logged in again
 */
export function openLogin({ loginUrl, waiting, onBack }) {
  const kept = waiting === 1 ? "1 answer waits in this browser" : `${waiting} answers wait in this browser`;
  const note = h("p", { class: "field-error", role: "alert", hidden: true });
  const check = async () => {
    if (!dialog.open) return;
    if (await onBack()) {
      removeEventListener("focus", check);
      dialog.close();
    } else {
      note.hidden = false;
      note.textContent = "You are not logged in yet, or as somebody else.";
    }
  };
  const dialog = open("login-again", "Your login has ended", [
    h("p", {}, `Nothing is lost: ${kept} and will be sent as soon as you have logged in again. Stay on this page.`), note,
  ], [
    h("a", { class: "button button-primary", href: loginUrl, target: "_blank", rel: "noopener" }, "Log in (new tab)"),
    h("button", { type: "button", class: "button", click: check }, "I have logged in"),
  ]);
  addEventListener("focus", check);
}

/**
 * Answers that the server refuses: each with the reason, to be tried again or given up by hand only.
 *
 * @param {import("../state/journal.js").Entry[]} refused
 * @param {{retry: (entry: import("../state/journal.js").Entry) => void, drop: (entry: import("../state/journal.js").Entry) => void}} ways
 */
export function openRefused(refused, { retry, drop }) {
  const rows = refused.map((entry) => {
    const row = h("div", { class: "notice", "data-tone": "bad" },
      h("strong", {}, entry.refusal?.title || "Not taken"),
      h("p", {}, entry.refusal?.detail ?? ""),
      entry.refusal?.request_id ? h("p", { class: "faint small" }, "Reference ", h("code", {}, entry.refusal.request_id)) : null,
      h("details", {}, h("summary", { class: "small" }, "What was said"), h("pre", { class: "log", tabindex: "0" }, JSON.stringify(entry.body, null, 2))),
      h("div", { class: "dialog-actions" },
        h("button", { type: "button", class: "button button-small", click: () => act(row, () => retry(entry)) }, "Send again"),
        h("button", { type: "button", class: "button button-danger button-small", click: () => act(row, () => drop(entry)) }, "Give this answer up")));
    return row;
  });
  const dialog = open("refused-answers", "Answers the server did not take", [
    h("p", { class: "soft" }, "They stay in this browser until they are taken or you give them up."), ...rows,
  ], [h("button", { type: "button", class: "button", click: () => dialog.close() }, "Close")]);
  /** @param {HTMLElement} row @param {() => void} work */
  const act = (row, work) => {
    work();
    row.remove();
    if (!dialog.querySelector(".notice")) dialog.close();
  };
}

/**
 * @param {string} title
 * @param {string} text
 * @param {string} label of the button that goes on
 * @returns {Promise<boolean>}
 */
export function confirmAction(title, text, label) {
  return new Promise((resolve) => {
    const answer = (/** @type {boolean} */ yes) => {
      resolve(yes);
      dialog.close();
    };
    const dialog = open("confirm-action", title, [h("p", {}, text)], [
      h("button", { type: "button", class: "button", click: () => answer(false) }, "Cancel"),
      h("button", { type: "button", class: "button button-primary", click: () => answer(true) }, label),
    ]);
    dialog.addEventListener("close", () => resolve(false));
  });
}
