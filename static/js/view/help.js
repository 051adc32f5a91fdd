// @ts-check
/** The sheet that `?` opens, made from the same table that answers the keys; keys are changed here, too. */

import { explain } from "../errors.js";
import { h } from "./dom.js";
import { pressName } from "./keyboard.js";
import { boundShortcuts, isFixed, keyCap, rebound } from "./shortcuts.js";

/**
 * @typedef {import("./shortcuts.js").Shortcut} Shortcut
 * @typedef {{
 *   bindings: Record<string, string>, save: (bindings: Record<string, string>) => Promise<void>, onChange: () => void
 * }} OwnKeys the person's own keys by action; `save` keeps them on the server
 */

/**
 * @param {Shortcut[]} shortcuts
 * @param {OwnKeys} keys
 */
export function openHelp(shortcuts, keys) {
  if (document.querySelector("dialog.help[open]")) return;
  new HelpSheet(shortcuts, keys).open();
}

class HelpSheet {
  #isChanging = false;
  /** @type {string | null} the action whose new key is awaited */
  #asking = null;
  #body = h("div", { class: "help-groups" });
  #note = h("p", { class: "small", role: "status" });
  #change = h("button", { type: "button", class: "button button-small", "aria-pressed": "false", click: () => this.#toggle() }, "Change keys");
  #reset = h("button", { type: "button", class: "button button-small", hidden: true, click: () => void this.#save({}, "All keys are the usual ones again.") }, "Reset all keys");
  #dialog = h("dialog", { class: "wide help", "aria-labelledby": "help-title", close: () => this.#dialog.remove() },
    h("div", { class: "card-head" },
      h("h2", { id: "help-title" }, "Keys"),
      h("div", { class: "row" }, this.#reset, this.#change,
        h("button", { type: "button", class: "button button-small", click: () => this.#dialog.close() }, "Close ", h("kbd", {}, "Esc")))),
    this.#note, this.#body);

  /**
   * @param {Shortcut[]} shortcuts
   * @param {OwnKeys} keys
   */
  constructor(shortcuts, keys) {
    this.shortcuts = shortcuts;
    this.keys = keys;
  }

  open() {
    this.#draw();
    document.body.append(this.#dialog);
    this.#dialog.addEventListener("keydown", (event) => this.#press(event));
    this.#dialog.showModal();
  }

  #toggle() {
    this.#isChanging = !this.#isChanging;
    this.#asking = null;
    this.#reset.hidden = !this.#isChanging;
    this.#change.setAttribute("aria-pressed", String(this.#isChanging));
    this.#say(this.#isChanging ? "Choose an action, then press its new key. Your keys are kept with your account." : "");
    this.#draw();
  }

  /** @param {string} text @param {boolean} [isFault] */
  #say(text, isFault = false) {
    this.#note.textContent = text;
    this.#note.classList.toggle("field-error", isFault);
  }

  /** @param {string} id @param {string} title */
  #ask(id, title) {
    this.#asking = id;
    this.#say(`Press the new key for “${title}”. Esc leaves it as it is.`);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const name = pressName(event);
    if (!this.#asking || !name || ["Shift", "Control", "Meta", "Tab"].some((key) => event.key === key)) return;
    event.preventDefault();
    const id = this.#asking;
    if (event.key === "Escape") {
      this.#asking = null;
      this.#say("Nothing was changed.");
      return;
    }
    const { bindings, fault } = rebound(this.keys.bindings, id, name);
    if (fault) {
      this.#say(fault, true);
      return;
    }
    this.#asking = null;
    void this.#save(bindings, `${keyCap(name)} is the key now.`, id);
  }

  /**
   * @param {Record<string, string>} bindings
   * @param {string} done what to say then
   * @param {string} [id] the action that was changed
   */
  async #save(bindings, done, id) {
    try {
      await this.keys.save(bindings);
    } catch (error) {
      this.#say(`${explain(error).detail} The keys are as they were.`, true);
      return;
    }
    const bound = new Map(boundShortcuts(bindings).map((shortcut) => [shortcut.id, shortcut]));
    this.shortcuts = this.shortcuts.map((shortcut) => bound.get(shortcut.id) ?? shortcut);
    this.#say(done);
    this.#draw();
    if (id) this.#body.querySelector(/** @type {"button"} */ (`[data-action="${CSS.escape(id)}"]`))?.focus();
  }

  #draw() {
    const groups = [...new Set(this.shortcuts.map(({ group }) => group))];
    this.#body.replaceChildren(...groups.map((group) => this.#group(group)));
  }

  /** @param {string} group */
  #group(group) {
    const rows = this.shortcuts.filter((shortcut) => shortcut.group === group && shortcut.keys.length > 0);
    return h("section", {}, h("h3", {}, group), h("dl", { class: "help-keys" }, ...rows.flatMap((row) => this.#row(row))));
  }

  /** @param {Shortcut} shortcut */
  #row({ id, keys, title }) {
    const caps = keys.filter((key) => !key.startsWith("Ctrl+")).flatMap((key) => [h("kbd", {}, keyCap(key)), " "]);
    if (!this.#isChanging || isFixed(id)) return [h("dt", {}, ...caps), h("dd", {}, title)];
    const button = h("button", { type: "button", class: "button button-quiet button-small", "data-action": id, "aria-label": `Change the key of: ${title}`, click: () => this.#ask(id, title) }, ...caps);
    return [h("dt", {}, button), h("dd", {}, title)];
  }
}
