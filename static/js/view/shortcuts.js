// @ts-check
/**
 * The one table of keys. It feeds the handler, the help sheet and the key caps on the buttons. Pure.
 *
 * A key is written as `Ctrl+Shift+Name`; letters and digits by what is on the key, signs as they come.
 *
 * @typedef {"reading" | "discard" | "skip"} KeyContext
 * @typedef {{id: string, keys: string[], title: string, group: string, when: KeyContext[]}} Shortcut
 */

/** @type {KeyContext[]} */
const READING = ["reading"];
/** @type {KeyContext[]} */
const ALWAYS = ["reading", "discard", "skip"];

/** @type {[id: string, keys: string[], title: string, group: string, when?: KeyContext[]][]} */
const ROWS = [
  ["submit", ["Enter"], "Submit and next; with a drawing tool in hand, place the shape", "Answer"],
  ["discard", ["X"], "Discard, then a digit for the reason", "Answer", ALWAYS],
  ["skip", ["S"], "Skip, then a digit for why", "Answer", ALWAYS],
  ["flag", ["F"], "Ask for a second opinion", "Answer"],
  ["comment", ["C"], "Write a comment (Esc leaves the field)", "Answer"],
  ["confidence:1", ["Shift+1"], "How sure: 1, guessing", "Answer"],
  ["confidence:2", ["Shift+2"], "How sure: 2", "Answer"],
  ["confidence:3", ["Shift+3"], "How sure: 3", "Answer"],
  ["confidence:4", ["Shift+4"], "How sure: 4", "Answer"],
  ["confidence:5", ["Shift+5"], "How sure: 5, certain", "Answer"],
  ["undo", ["Z", "Ctrl+Z"], "Undo; with nothing left, take the last answer back", "Answer", ALWAYS],
  ["redo", ["Shift+Z", "Ctrl+Shift+Z", "Ctrl+Y"], "Redo", "Answer"],
  ["history", ["H"], "Your own answers; reopen one", "Answer", ALWAYS],
  ["extend", ["L"], "Hold this image for longer, when its time runs out", "Answer", ALWAYS],
  ["cancel", ["Escape"], "Cancel what is begun", "Answer", ALWAYS],
  ["tool:select", ["V"], "Select and move", "Marks"],
  ["tool:box", ["B"], "Draw a box", "Marks"],
  ["tool:extreme", ["Shift+B"], "Draw a box by its four outermost points", "Marks"],
  ["tool:polygon", ["O"], "Draw a polygon", "Marks"],
  ["tool:point", ["P"], "Set a point", "Marks"],
  ["next-shape", [".", "J"], "Choose the next mark", "Marks"],
  ["previous-shape", [",", "K"], "Choose the mark before", "Marks"],
  ["delete", ["Delete", "Backspace"], "Remove the chosen mark", "Marks"],
  ["left", ["ArrowLeft", "Ctrl+ArrowLeft"], "Move left (Ctrl: one pixel): mark, crosshair or image", "Marks"],
  ["right", ["ArrowRight", "Ctrl+ArrowRight"], "Move right", "Marks"],
  ["up", ["ArrowUp", "Ctrl+ArrowUp"], "Move up", "Marks"],
  ["down", ["ArrowDown", "Ctrl+ArrowDown"], "Move down", "Marks"],
  ["narrower", ["Shift+ArrowLeft", "Ctrl+Shift+ArrowLeft"], "Make the chosen mark narrower", "Marks"],
  ["wider", ["Shift+ArrowRight", "Ctrl+Shift+ArrowRight"], "Make it wider", "Marks"],
  ["lower", ["Shift+ArrowUp", "Ctrl+Shift+ArrowUp"], "Make it lower", "Marks"],
  ["taller", ["Shift+ArrowDown", "Ctrl+Shift+ArrowDown"], "Make it taller", "Marks"],
  ["hide", ["Space"], "Hide the marks while held", "Image", ALWAYS],
  ["zoom-in", ["+", "="], "Zoom in (or the wheel)", "Image", ALWAYS],
  ["zoom-out", ["-"], "Zoom out", "Image", ALWAYS],
  ["fit", ["E"], "Show everything", "Image", ALWAYS],
  ["actual", ["Shift+E"], "One image pixel to one screen pixel", "Image", ALWAYS],
  ["smooth", ["N"], "Nearest or smooth pixels", "Image", ALWAYS],
  ["invert", ["I"], "Swap light and dark", "Image", ALWAYS],
  ["tool:window", ["W"], "Brightness and contrast by dragging", "Image"],
  ["window-reset", ["Q"], "Reset brightness and contrast", "Image", ALWAYS],
  ["preset-previous", ["["], "Previous brightness preset", "Image", ALWAYS],
  ["preset-next", ["]"], "Next brightness preset", "Image", ALWAYS],
  ["guideline", ["G"], "Guideline and exemplar pictures", "Help", ALWAYS],
  ["help", ["?"], "This list", "Help", ALWAYS],
];

/** @type {Shortcut[]} */
export const SHORTCUTS = ROWS.map(([id, keys, title, group, when = READING]) => ({ id, keys, title, group, when }));

/** What must always be able to be done: get out, find the list, place and move marks, and say how sure one is. */
const FIXED = /^(?:cancel|help|left|right|up|down|narrower|wider|lower|taller|confidence:\d)$/;
const BINDABLE = /^(?:(?:Shift\+)?[A-Z]|Enter|Space|Delete|Backspace|Insert|Home|End|PageUp|PageDown|[!-/:->@[-`{-~])$/;

/** @param {string} id of a shortcut */
export function isFixed(id) {
  return FIXED.test(id) || !SHORTCUTS.some((shortcut) => shortcut.id === id);
}

/**
 * Whether an action may be put on a key: a letter, with Shift or without, a sign, or an editing key. Digits belong to the
 * findings, `?` to the list of keys, Esc and Tab to everybody, Ctrl to the browser.
 *
 * @param {string} key
 */
export function mayBeBound(key) {
  return BINDABLE.test(key);
}

/**
 * The table with a person's own keys: each stands in place of the usual ones; those with Ctrl stay beside it. A key that
 * somebody took before an action came that usually has it stays theirs.
 *
 * @param {Record<string, string>} bindings by action
 * @returns {Shortcut[]}
 */
export function boundShortcuts(bindings) {
  const taken = new Set(Object.values(bindings));
  return SHORTCUTS.map((shortcut) => {
    if (isFixed(shortcut.id)) return shortcut;
    const own = bindings[shortcut.id];
    if (!own && shortcut.keys.some((key) => taken.has(key))) return { ...shortcut, keys: shortcut.keys.filter((key) => !taken.has(key)) };
    return own ? { ...shortcut, keys: [own, ...shortcut.keys.filter((key) => key.startsWith("Ctrl+"))] } : shortcut;
  });
}

/**
 * Puts an action on a key, if that can be.
 *
 * @param {Record<string, string>} bindings by action
 * @param {string} id of the action
 * @param {string} key
 * @returns {{bindings: Record<string, string>, fault: string | null}} with a fault the bindings are as they were
 */
export function rebound(bindings, id, key) {
  if (!mayBeBound(key)) return { bindings, fault: `${keyCap(key)} is taken by the page or the browser. Use a letter or a sign.` };
  const shortcut = SHORTCUTS.find((one) => one.id === id);
  const owner = boundShortcuts(bindings).find((one) => one.id !== id && one.keys.includes(key) && one.when.some((place) => shortcut?.when.includes(place)));
  if (owner) return { bindings, fault: `${keyCap(key)} is the key of “${owner.title}”. Change that one first, or take another key.` };
  const { [id]: _, ...rest } = bindings;
  return { bindings: shortcut?.keys[0] === key ? rest : { ...rest, [id]: key }, fault: null };
}

/**
 * Keys for a list of choices: the hint of each where it is a free digit, else 1 to 9 in turn, then
 * 0 followed by 1 to 9.
 *
 * @param {{key: string, title: string, key_hint?: string | null}[]} choices
 * @param {string} prefix of the shortcut's id
 * @param {string} group
 * @param {KeyContext} context
 * @returns {Shortcut[]}
 */
export function choiceShortcuts(choices, prefix, group, context) {
  const hinted = new Set(choices.map(({ key_hint }) => key_hint).filter((hint) => isDigit(hint)));
  const free = [..."123456789"].filter((digit) => !hinted.has(digit));
  const chords = [..."123456789"].map((digit) => `0 ${digit}`);
  /** @type {Set<string>} */
  const used = new Set();
  return choices.map(({ key, title, key_hint }) => {
    const wanted = isDigit(key_hint) && !used.has(key_hint) ? key_hint : (free.shift() ?? chords.shift());
    if (wanted) used.add(wanted);
    return { id: `${prefix}:${key}`, keys: wanted ? [wanted] : [], title, group, when: [context] };
  });
}

/**
 * @param {string | null | undefined} hint
 * @returns {hint is string}
 */
function isDigit(hint) {
  return /^[1-9]$/.test(hint ?? "");
}

/**
 * Pairs of shortcuts that would answer to the same key in the same context.
 *
 * @param {Shortcut[]} shortcuts
 * @returns {string[]}
 */
export function collisions(shortcuts) {
  /** @type {Map<string, string>} */
  const owners = new Map();
  /** @type {string[]} */
  const found = [];
  for (const { id, keys, when } of shortcuts) {
    for (const place of when.flatMap((context) => keys.map((key) => `${context} ${key}`))) {
      const owner = owners.get(place);
      if (owner !== undefined) found.push(`${place}: ${owner} and ${id}`);
      owners.set(place, id);
    }
  }
  return found;
}

/** @type {Record<string, string>} */
const CAPS = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Delete: "Del", Shift: "Shift", Ctrl: "Ctrl",
};

/**
 * A key as it is printed on a cap.
 *
 * @param {string} key
 */
export function keyCap(key) {
  if (key === "+") return "+";
  return key.split("+").map((part) => CAPS[part] ?? part).join(" ");
}
