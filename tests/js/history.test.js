// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../static/js/state/history.js";
import { seeded } from "./seeded.js";

test("undo and redo walk the same way back and forth", () => {
  const history = new History(0);
  history.push(1);
  history.push(2);
  assert.ok(history.undo());
  assert.equal(history.present, 1);
  assert.ok(history.redo());
  assert.equal(history.present, 2);
  assert.equal(history.redo(), false);
});

test("a change after an undo ends the old way forward", () => {
  const history = new History("a");
  history.push("b");
  history.undo();
  history.push("c");
  assert.equal(history.canRedo, false);
  history.undo();
  assert.equal(history.present, "a");
});

test("changes with the same word are one step, until another comes between", () => {
  const history = new History("");
  for (const text of ["l", "lo", "low"]) history.push(text, "comment");
  history.push("low!", null);
  history.push("low!!", "comment");
  history.undo();
  assert.equal(history.present, "low!");
  history.undo();
  assert.equal(history.present, "low");
  history.undo();
  assert.equal(history.present, "");
  assert.equal(history.undo(), false);
});

test("after an undo the same word starts a step of its own", () => {
  const history = new History(0);
  history.push(1, "nudge");
  history.push(2, "nudge");
  history.undo();
  history.push(3, "nudge");
  history.push(4, "nudge");
  history.undo();
  assert.equal(history.present, 0);
});

test("any walk equals the one over a plain list", () => {
  const between = seeded(5);
  const history = new History(0);
  const list = [0];
  let at = 0;
  for (let step = 1; step < 2000; step += 1) {
    const dice = between(0, 1);
    if (dice < 0.5) {
      history.push(step);
      list.length = at + 1;
      list.push(step);
      at += 1;
    } else if (dice < 0.8) {
      assert.equal(history.undo(), at > 0);
      at = Math.max(0, at - 1);
    } else {
      assert.equal(history.redo(), at < list.length - 1);
      at = Math.min(list.length - 1, at + 1);
    }
    assert.equal(history.present, list[at]);
  }
});
