// @ts-check
/** People and profile pages: links that bring their code, copying what is shown once, questions before what ends something. */

import { confirmAction } from "../view/dialogs.js";
import { toast } from "../view/toasts.js";

const THEME_KEY = "synthlab-theme";

/** A one-time link carries its code behind `#`, which no server ever sees; it moves into the form and out of the address. */
function takeCodeFromAddress() {
  const field = document.querySelector("input[data-from-hash]");
  const code = decodeURIComponent(location.hash.slice(1));
  if (!(field instanceof HTMLInputElement) || code.length < 20) return;
  field.value = code;
  field.readOnly = true;
  history.replaceState(null, "", location.pathname);
  const password = document.querySelector("input[type=password]");
  if (password instanceof HTMLInputElement) password.focus();
}

function startCopying() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!(button instanceof HTMLButtonElement)) continue;
    button.addEventListener("click", () => void copy(button.dataset["copy"] ?? ""));
  }
}

/** @param {string} selector of the input whose text is taken */
async function copy(selector) {
  const field = document.querySelector(selector);
  if (!(field instanceof HTMLInputElement)) return;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    toast("Copied.", { tone: "ok" });
  } catch {
    toast("The browser does not let pages copy here. The text is selected: press Ctrl+C.");
  }
}

function startQuestions() {
  for (const form of document.querySelectorAll("form[data-confirm]:not([data-api-url])")) {
    if (!(form instanceof HTMLFormElement)) continue;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const label = form.querySelector("button[type=submit]")?.textContent?.trim() ?? "Go on";
      void confirmAction("Are you sure?", form.dataset["confirm"] ?? "", label).then((sure) => sure && form.submit());
    });
  }
}

function startThemeChoice() {
  const select = document.querySelector("select[data-theme-choice]");
  if (!(select instanceof HTMLSelectElement)) return;
  select.value = localStorage.getItem(THEME_KEY) ?? "system";
  select.addEventListener("change", () => {
    if (select.value === "system") {
      localStorage.removeItem(THEME_KEY);
      delete document.documentElement.dataset["theme"];
    } else {
      localStorage.setItem(THEME_KEY, select.value);
      document.documentElement.dataset["theme"] = select.value;
    }
    document.dispatchEvent(new CustomEvent("synthlab:theme"));
  });
}

takeCodeFromAddress();
startCopying();
startQuestions();
startThemeChoice();
