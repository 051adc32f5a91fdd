// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { belongsToField, Keyboard, pressName } from "../../static/js/view/keyboard.js";
import { boundShortcuts, choiceShortcuts, collisions, isFixed, keyCap, mayBeBound, rebound, SHORTCUTS } from "../../static/js/view/shortcuts.js";
import { GLANDS } from "./schema.js";

/**
 * @param {string} key
 * @param {string} [code]
 * @param {Partial<{ctrlKey: boolean, metaKey: boolean, altKey: boolean, shiftKey: boolean, altGraph: boolean, target: any}>} [more]
 */
function press(key, code = "", { altGraph = false, target = null, ...more } = {}) {
  return {
    key, code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more, target, prevented: false,
    getModifierState: (/** @type {string} */ name) => name === "AltGraph" && altGraph,
    preventDefault() {
      this.prevented = true;
    },
  };
}

const classes = choiceShortcuts(GLANDS.classes, "class", "Findings", "reading");
const reasons = choiceShortcuts(GLANDS.discard_reasons, "reason", "Reasons", "discard");
const ALL = [...SHORTCUTS, ...classes, ...reasons];

test("no key means two things in one place", () => {
  assert.deepEqual(collisions(ALL), []);
  assert.equal(collisions([...ALL, { id: "x", keys: ["B"], title: "", group: "", when: ["reading"] }]).length, 1);
});

test("a person's own key stands in place of the usual ones, those with Ctrl stay", () => {
  const { bindings, fault } = rebound({}, "undo", "U");
  assert.equal(fault, null);
  assert.deepEqual(bindings, { undo: "U" });
  assert.deepEqual(boundShortcuts(bindings).find(({ id }) => id === "undo")?.keys, ["U", "Ctrl+Z"]);
  assert.deepEqual(rebound(bindings, "undo", "Z").bindings, {}, "the usual key is no change");
  assert.deepEqual(rebound(bindings, "fit", "Z").bindings, { undo: "U", fit: "Z" }, "Z is free now");
});

test("a key that is taken, or belongs to the page, cannot be chosen", () => {
  for (const key of ["1", "Shift+1", "Escape", "Tab", "?", "ArrowLeft", "Ctrl+S", "F5", "Shift+Space"]) {
    assert.ok(!mayBeBound(key), key);
    assert.match(rebound({}, "undo", key).fault ?? "", /is taken by the page/);
  }
  for (const key of ["U", "Shift+U", ";", "/", "Space", "Home"]) assert.ok(mayBeBound(key), key);
  const { bindings, fault } = rebound({ fit: "U" }, "undo", "X");
  assert.match(fault ?? "", /Discard, then a digit/);
  assert.deepEqual(bindings, { fit: "U" });
  assert.match(rebound(bindings, "undo", "U").fault ?? "", /Show everything/);
});

test("whatever is chosen, no key means two things in one place", () => {
  /** @type {Record<string, string>} */
  let bindings = {};
  const keys = SHORTCUTS.flatMap((shortcut) => shortcut.keys).filter(mayBeBound).reverse();
  for (const { id } of SHORTCUTS.filter((shortcut) => !isFixed(shortcut.id))) {
    for (const key of keys) bindings = rebound(bindings, id, key).bindings;
    assert.deepEqual(collisions([...boundShortcuts(bindings), ...classes, ...reasons]), [], id);
  }
});

test("keys that are changed while the page is open count at once", () => {
  /** @type {string[]} */
  const ran = [];
  const keyboard = new Keyboard({ shortcuts: ALL, context: () => "reading" });
  keyboard.on({ flag: () => ran.push("flag"), fit: () => ran.push("fit") });
  keyboard.use(boundShortcuts({ flag: "T" }));
  keyboard.handle(press("f", "KeyF"));
  keyboard.handle(press("t", "KeyT"));
  assert.deepEqual(ran, ["flag"]);
  assert.equal(keyCap("Shift+T"), "Shift T");
});

test("every shortcut is told in the help and has a key", () => {
  for (const { id, keys, title, group } of SHORTCUTS) assert.ok(keys.length > 0 && title && group, id);
});

test("digits go by their place, letters by what they print", () => {
  assert.equal(pressName(press("&", "Digit1")), "1"); // a French keyboard
  assert.equal(pressName(press("!", "Digit1", { shiftKey: true })), "Shift+1");
  assert.equal(pressName(press("5", "Numpad5")), "5");
  assert.equal(pressName(press("q", "KeyA")), "Q");
  assert.equal(pressName(press("я", "KeyZ")), "Z");
  assert.equal(pressName(press("?", "Slash", { shiftKey: true })), "?");
  assert.equal(pressName(press("[", "Digit8", { ctrlKey: true, altKey: true, altGraph: true })), "["); // a German one
  assert.equal(pressName(press(" ", "Space")), "Space");
  assert.equal(pressName(press("z", "KeyZ", { metaKey: true })), "Ctrl+Z");
  assert.equal(pressName(press("f", "KeyF", { altKey: true })), null);
});

test("typing in a field triggers nothing, and buttons keep Enter and Space", () => {
  const textarea = { tagName: "TEXTAREA" };
  for (const name of ["1", "X", "Enter", "Space", "Ctrl+Z"]) assert.ok(belongsToField(textarea, name), name);
  assert.ok(belongsToField({ tagName: "INPUT", type: "text" }, "D"));
  assert.ok(belongsToField({ tagName: "BUTTON" }, "Enter"));
  assert.ok(!belongsToField({ tagName: "BUTTON" }, "1"));
  assert.ok(belongsToField({ tagName: "INPUT", type: "range" }, "ArrowLeft"));
  assert.ok(!belongsToField({ tagName: "DIV" }, "Enter"));
});

test("the handler runs the action of the context and leaves fields alone", () => {
  /** @type {string[]} */
  const ran = [];
  /** @type {import("../../static/js/view/shortcuts.js").KeyContext} */
  let context = "reading";
  const keyboard = new Keyboard({ shortcuts: ALL, context: () => context });
  keyboard.on({
    class: (key) => ran.push(`class ${key}`), reason: (key) => ran.push(`reason ${key}`),
    submit: () => ran.push("submit"), cancel: () => ran.push("cancel"), tool: (name) => ran.push(`tool ${name}`),
  });
  const one = press("1", "Digit1");
  keyboard.handle(one);
  assert.ok(one.prevented);
  keyboard.handle(press("b", "KeyB"));
  context = "discard";
  keyboard.handle(press("1", "Digit1"));
  assert.equal(keyboard.handle(press("Enter", "Enter")), null);
  context = "reading";
  keyboard.handle(press("1", "Digit1", { target: { tagName: "TEXTAREA" } }));
  keyboard.handle(press("Escape", "Escape", { target: { tagName: "TEXTAREA" } }));
  keyboard.handle(press("Enter", "Enter"));
  assert.deepEqual(ran, ["class dab-positive", "tool box", "reason blur", "cancel", "submit"]);
});

test("more than nine choices go on with a second key, each its own", () => {
  const many = Array.from({ length: 14 }, (_, index) => ({ key: `c${index}`, title: `Class ${index}` }));
  const shortcuts = choiceShortcuts(many, "class", "Findings", "reading");
  assert.deepEqual(shortcuts[8]?.keys, ["9"]);
  assert.deepEqual(shortcuts[9]?.keys, ["0 1"]);
  assert.deepEqual(collisions([...SHORTCUTS, ...shortcuts]), []);
  /** @type {string[]} */
  const ran = [];
  let now = 0;
  const keyboard = new Keyboard({ shortcuts, context: () => "reading", now: () => now });
  keyboard.on({ class: (key) => ran.push(key) });
  keyboard.handle(press("0", "Digit0"));
  keyboard.handle(press("2", "Digit2"));
  keyboard.handle(press("2", "Digit2"));
  keyboard.handle(press("0", "Digit0"));
  now += 5000; // too late: the second digit stands for itself
  keyboard.handle(press("3", "Digit3"));
  assert.deepEqual(ran, ["c10", "c1", "c2"]);
});

test("a wished digit is kept, and nobody else gets it", () => {
  const shortcuts = choiceShortcuts([{ key: "a", title: "A" }, { key: "b", title: "B", key_hint: "1" }, { key: "c", title: "C", key_hint: "1" }], "class", "", "reading");
  assert.deepEqual(shortcuts.map(({ keys }) => keys[0]), ["2", "1", "3"]);
});
