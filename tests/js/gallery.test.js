// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { differenceOf } from "../../static/js/model/difference.js";
import {
  filesFrom, layoutOf, moved, orderFrom, queryOf, rangesOf, scrolledTo, searchOf, Selection, windowOf, wishesFrom, writtenRanges,
} from "../../static/js/model/gallery.js";

const MANY = 100_000;

test("the height is that of all rows, the window a few of them", () => {
  const layout = layoutOf(MANY, 999, 90);
  assert.deepEqual(layout, { columns: 11, rows: 9091, size: 90, height: 818_190 });
  for (const top of [0, 40_000, layout.height - 700]) {
    const { first, stop } = windowOf(layout, MANY, top, 700);
    assert.ok(first <= Math.floor(top / 90) * 11, "the first row in sight is drawn");
    assert.ok(stop >= Math.min(MANY, Math.floor((top + 699) / 90) * 11 + 11), "the last row in sight is drawn");
    assert.ok(stop - first <= 11 * 19, `no more than two screens: ${stop - first}`);
  }
  assert.equal(windowOf(layout, MANY, layout.height - 700, 700).stop, MANY);
});

test("an empty list and a narrow room", () => {
  assert.deepEqual(windowOf(layoutOf(0, 500, 90), 0, 0, 700), { first: 0, stop: 0 });
  assert.deepEqual(layoutOf(3, 20, 90), { columns: 1, rows: 3, size: 90, height: 270 });
});

test("cells grow until they fill the width", () => {
  const { columns, size } = layoutOf(MANY, 356, 104);
  assert.deepEqual({ columns, size }, { columns: 3, size: 118 });
});

test("what is in sight is not scrolled", () => {
  const layout = layoutOf(1000, 450, 90);
  assert.equal(scrolledTo(layout, 12, 100, 500), 100);
  assert.equal(scrolledTo(layout, 0, 100, 500), 0);
  assert.equal(scrolledTo(layout, 49, 0, 500), 900 - 500);
});

test("keys move by one, by a row, by a page, and to the ends", () => {
  const steps = { columns: 5, page: 3 };
  /** @type {[string, number, number | null][]} */
  const moves = [
    ["ArrowRight", 4, 5], ["ArrowRight", 11, 11], ["ArrowLeft", 0, 0], ["ArrowDown", 3, 8], ["ArrowDown", 8, 11],
    ["ArrowDown", 11, 11], ["ArrowUp", 8, 3], ["ArrowUp", 3, 3], ["PageDown", 1, 11], ["PageUp", 11, 0], ["End", 2, 11],
    ["Home", 9, 0], ["x", 3, null],
  ];
  for (const [key, from, to] of moves) assert.equal(moved(key, from, 12, steps), to, `${key} from ${from}`);
  assert.equal(moved("ArrowRight", 0, 0, steps), null);
  assert.equal(moved("ArrowDown", 0, 3, { columns: 1, page: 9 }), 1);
});

test("a range follows Shift in both directions and keeps what was chosen before", () => {
  const order = Uint32Array.from([50, 40, 30, 20, 10]);
  const chosen = new Selection();
  chosen.toggle(order, 4);
  chosen.toggle(order, 1);
  chosen.rangeTo(order, 3);
  assert.deepEqual(chosen.indexes(), [10, 20, 30, 40]);
  chosen.rangeTo(order, 0);
  assert.deepEqual(chosen.indexes(), [10, 40, 50]);
  chosen.toggle(order, 4);
  assert.deepEqual(chosen.indexes(), [40, 50]);
  chosen.only(order, 2);
  assert.deepEqual([chosen.indexes(), chosen.has(30), chosen.has(40)], [[30], true, false]);
});

test("all of 100,000 are chosen and sent as one range", () => {
  const order = Uint32Array.from({ length: MANY }, (_, at) => (at * 7919) % MANY);
  const chosen = new Selection();
  chosen.all(order);
  assert.equal(chosen.size, MANY);
  assert.deepEqual(rangesOf(chosen.indexes()), [[0, MANY - 1]]);
  chosen.drop([5]);
  assert.deepEqual(rangesOf(chosen.indexes()), [[0, 4], [6, MANY - 1]]);
  chosen.clear();
  assert.equal(chosen.size, 0);
});

test("indexes are written in ascending order, each once", () => {
  assert.equal(writtenRanges([7, 3, 1, 2, 2]), "1-3,7");
  assert.equal(writtenRanges([]), "");
});

test("an order and a pack are read as the server writes them", () => {
  assert.deepEqual([...orderFrom(Uint8Array.from([1, 0, 0, 0, 160, 134, 1, 0]).buffer)], [1, 100_000]);
  const head = [2, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0];
  const files = filesFrom(Uint8Array.from([...head, 1, 2, 3]).buffer);
  assert.deepEqual([...files].map(([index, file]) => [index, ...file]), [[5, 1, 2, 3]]);
});

test("an address says what differs, a query everything that is set", () => {
  const wishes = wishesFrom("?flag=copy&ordering=ratio&colour=red");
  assert.deepEqual(wishes, { class: "", flag: "copy", min_ratio: "", max_ratio: "", discarded: "false", ordering: "ratio" });
  assert.equal(searchOf(wishes), "?flag=copy&ordering=ratio");
  assert.equal(queryOf(wishes), "?flag=copy&discarded=false&ordering=ratio");
  assert.equal(searchOf(wishesFrom("")), "");
});

test("a difference is absolute, strengthened and opaque", () => {
  const one = Uint8ClampedArray.from([10, 20, 30, 255, 0, 0, 200, 255]);
  const other = Uint8ClampedArray.from([13, 20, 10, 255, 0, 0, 0, 255]);
  const { pixels, mean } = differenceOf(one, other);
  assert.deepEqual([...pixels], [9, 0, 60, 255, 0, 0, 255, 255]);
  assert.equal(mean, 223 / 6);
  assert.equal(differenceOf(one, one).mean, 0);
});
