// @ts-check
/** The few moments that need an answer before one can go on. */

import { explain } from "../errors.js";
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
 * The login has ended: nothing is lost, log in again here.
 *
 * @param {{
 *   username: string, loginUrl: string, waiting: number,
 *   logIn: (password: string) => Promise<"done" | "second_factor">, onBack: () => Promise<boolean>
 * }} options `onBack` tells whether the same person is logged in again
 */
export function openLogin({ username, loginUrl, waiting, logIn, onBack }) {
  const kept = waiting === 1 ? "1 answer waits in this browser" : `${waiting} answers wait in this browser`;
  const note = h("p", { class: "field-error", role: "alert", hidden: true });
  const password = h("input", { id: "login-password", type: "password", autocomplete: "current-password", required: true, autofocus: true });
  const tell = (/** @type {string} */ words) => {
    note.hidden = false;
    note.textContent = words;
  };
  const check = async (/** @type {string} */ otherwise) => {
    if (dialog.open && (await onBack())) dialog.close();
    else if (otherwise) tell(otherwise);
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      if ((await logIn(password.value)) === "done") await check("This password is not right, or somebody else is logged in in another tab.");
      else tell("Your second factor is needed: log in in a new tab, then come back.");
    } catch (error) {
      tell(explain(error).detail);
    }
    password.value = "";
    password.focus();
  };
  const lookAgain = () => void check("");
  const form = h("form", { id: "login-form", class: "form", submit: (event) => void submit(event) },
    h("div", { class: "field" }, h("label", { for: "login-password" }, `Password of ${username}`), password));
  const dialog = open("login-again", "Your login has ended", [
    h("p", {}, `Nothing is lost: ${kept} and will be sent as soon as you are logged in again.`), form, note,
  ], [
    h("a", { class: "button", href: loginUrl, target: "_blank", rel: "noopener" }, "Log in in a new tab"),
    h("button", { type: "submit", form: "login-form", class: "button button-primary" }, "Log in"),
  ]);
  addEventListener("focus", lookAgain);
  dialog.addEventListener("close", () => removeEventListener("focus", lookAgain));
}

/**
 * Answers that the server refuses: each with the reason, to be tried again or given up by hand only.
 *
 * @param {import("../state/journal.js").Entry[]} refused
 * @param {Record<"retry" | "drop" | "correct", (entry: import("../state/journal.js").Entry) => void>} ways
 */
export function openRefused(refused, { retry, drop, correct }) {
  const rows = refused.map((entry) => {
    const row = h("div", { class: "notice", "data-tone": "bad" },
      h("strong", {}, entry.refusal?.title || "Not taken"),
      h("p", {}, entry.refusal?.detail ?? ""),
      entry.refusal?.request_id ? h("p", { class: "faint small" }, "Reference ", h("code", {}, entry.refusal.request_id)) : null,
      h("details", {}, h("summary", { class: "small" }, "What was said"), h("pre", { class: "log", tabindex: "0" }, JSON.stringify(entry.body, null, 2))),
      h("div", { class: "dialog-actions" },
        entry.kind === "submit" && entry.refusal?.code === "invalid_answer"
          ? h("button", { type: "button", class: "button button-primary button-small", click: () => act(row, () => correct(entry)) }, "Correct it")
          : null,
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
