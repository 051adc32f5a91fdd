// @ts-check
/**
 * From key presses to actions, by the table in shortcuts.js.
 *
 * @typedef {import("./shortcuts.js").KeyContext} KeyContext
 * @typedef {import("./shortcuts.js").Shortcut} Shortcut
 * @typedef {{
 *   key: string, code: string, ctrlKey: boolean, metaKey: boolean, altKey: boolean, shiftKey: boolean,
 *   getModifierState?: (name: string) => boolean
 * }} Press the part of a KeyboardEvent that counts
 */

const CHORD_MS = 1500;
const TYPING = new Set(["text", "search", "email", "url", "tel", "password", "number", "date", "time", "datetime-local", "month", "week"]);

/**
 * The name of a press as the table writes it; null for presses that are nobody's.
 *
 * Digits go by their place, since the top row gives other signs under Shift and on some layouts;
 * letters by what they print, and by their place where the script has no Latin letters.
 *
 * @param {Press} press
 * @returns {string | null}
 */
export function pressName(press) {
  const isSign = press.key.length === 1 && !/[\p{L}\p{N} ]/u.test(press.key);
  if (press.getModifierState?.("AltGraph") && isSign) return press.key;
  if (press.altKey) return null;
  const modifiers = `${press.ctrlKey || press.metaKey ? "Ctrl+" : ""}${press.shiftKey ? "Shift+" : ""}`;
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(press.code)?.[1];
  if (digit) return modifiers + digit;
  if (/^[a-z]$/i.test(press.key)) return modifiers + press.key.toUpperCase();
  if (isSign) return press.ctrlKey || press.metaKey ? null : press.key;
  if (press.key === " ") return `${modifiers}Space`;
  const letter = /^Key([A-Z])$/.exec(press.code)?.[1];
  return modifiers + (press.key.length === 1 && letter ? letter : press.key);
}

/**
 * Whether presses belong to the element that has the focus: text fields take them all (but Escape),
 * sliders and lists their own keys, buttons and links Enter and Space.
 *
 * @param {{tagName: string, type?: string, isContentEditable?: boolean} | null} element
 * @param {string} name
 */
export function belongsToField(element, name) {
  if (!element) return false;
  const tag = element.tagName.toLowerCase();
  const type = element.type ?? "";
  if (tag === "textarea" || element.isContentEditable || (tag === "input" && TYPING.has(type))) return true;
  if (tag === "select") return true;
  if (tag === "input" && (type === "range" || type === "radio")) return /Arrow|Space|Home|End|Page/.test(name);
  if (tag === "input") return name === "Space";
  return (tag === "button" || tag === "a" || tag === "summary") && (name === "Enter" || name === "Space");
}

export class Keyboard {
  /** @type {Record<string, (name: string) => void>} */
  #actions = {};
  /** @type {Shortcut[]} */
  shortcuts = [];
  /** @type {Map<string, Shortcut>} */
  #byPlace = new Map();
  #chord = "";
  #chordUntil = 0;

  /**
   * @param {{shortcuts: Shortcut[], context: () => KeyContext, now?: () => number}} options
   */
  constructor({ shortcuts, context, now = Date.now }) {
    this.context = context;
    this.now = now;
    this.use(shortcuts);
  }

  /** @param {Shortcut[]} shortcuts from now on */
  use(shortcuts) {
    this.shortcuts = shortcuts;
    this.#byPlace.clear();
    for (const shortcut of shortcuts) {
      for (const when of shortcut.when) {
        for (const key of shortcut.keys) this.#byPlace.set(`${when} ${key}`, shortcut);
      }
    }
  }

  /**
   * @param {Record<string, (name: string) => void>} actions by a shortcut's id, or by its part before the colon
   */
  on(actions) {
    Object.assign(this.#actions, actions);
  }

  /**
   * @param {Press & {target?: EventTarget | null, preventDefault(): void, defaultPrevented?: boolean}} event
   * @returns {string | null} the id of the shortcut that ran
   */
  handle(event) {
    const name = pressName(event);
    if (!name || event.defaultPrevented) return null;
    const element = /** @type {any} */ (event.target ?? null);
    if (name !== "Escape" && belongsToField(element, name)) return null;
    const shortcut = this.#find(name);
    if (!shortcut) return null;
    const [family = "", argument = ""] = splitOnce(shortcut.id);
    const action = this.#actions[shortcut.id] ?? this.#actions[family];
    if (!action) return null;
    event.preventDefault();
    action(this.#actions[shortcut.id] ? name : argument);
    return shortcut.id;
  }

  /** @param {string} name */
  #find(name) {
    const context = this.context();
    const inChord = this.#chord !== "" && this.now() < this.#chordUntil;
    const chorded = inChord ? this.#byPlace.get(`${context} ${this.#chord} ${name}`) : undefined;
    const startsChord = !inChord && this.shortcuts.some(({ keys }) => keys.some((key) => key.startsWith(`${name} `)));
    this.#chord = startsChord ? name : "";
    this.#chordUntil = this.now() + CHORD_MS;
    return chorded ?? this.#byPlace.get(`${context} ${name}`);
  }
}

/** @param {string} id */
function splitOnce(id) {
  const at = id.indexOf(":");
  return at < 0 ? [id, ""] : [id.slice(0, at), id.slice(at + 1)];
}
