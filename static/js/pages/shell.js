// @ts-check
/** What every page has: theme switch, menus, and a logout that does not lose unsent work. */

import { newKey } from "../api.js";
import { Journal } from "../state/journal.js";
import { openShelf } from "../state/shelf.js";
import { confirmAction } from "../view/dialogs.js";
import { startApiActions } from "./forms.js";
import { startThemeSwitch } from "./theme.js";

function startMenus() {
  const menus = [...document.querySelectorAll("details[data-menu]")].filter((one) => one instanceof HTMLDetailsElement);
  addEventListener("click", (event) => {
    for (const menu of menus) if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  });
  for (const menu of menus) {
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary")?.focus();
    });
  }
}

function startLogoutGuard() {
  const form = document.querySelector("form[data-logout]");
  const user = document.body.dataset["user"];
  if (!(form instanceof HTMLFormElement) || !user) return;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void leave(user).then((mayLeave) => mayLeave && form.submit());
  });
}

/**
 * Warns about answers that have not reached the server; without any, clears the drafts of this person.
 *
 * @param {string} user
 */
async function leave(user) {
  const journal = new Journal(await openShelf(globalThis.indexedDB), { user, study: "", now: Date.now, newKey });
  const mine = await journal.mine();
  const unsent = mine.filter(({ kind }) => kind !== "draft").length;
  if (unsent === 0) {
    for (const entry of mine) await journal.remove(entry);
    await journal.clearDesks(true);
    return true;
  }
  const what = unsent === 1 ? "1 answer has" : `${unsent} answers have`;
  return confirmAction("Answers are still waiting", `${what} not reached the server yet. If you log out now they stay in this browser and are sent when you log in here again.`, "Log out all the same");
}

startThemeSwitch();
startMenus();
startLogoutGuard();
startApiActions();
