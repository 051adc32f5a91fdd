// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { evenly, mixOf } from "../../static/js/model/class-mix.js";

test("an even mix is not sent", () => {
  assert.deepEqual(mixOf("even", { a: 3 }, 10), { mix: null, said: "", fits: true });
});

test("shares are sent as parts of one and have to make a hundred per cent", () => {
  const { mix, fits } = mixOf("shares", { a: 33.33, b: 66.67 }, 10);
  assert.deepEqual(mix, { a: 0.3333, b: 0.6667 });
  assert.equal(fits, true);
  assert.equal(mixOf("shares", { a: 33.33, b: 66 }, 10).fits, false);
  assert.match(mixOf("shares", { a: 10, b: 20.1 }, 10).said, /30\.1 %/);
});

test("counts are sent as they are and have to make the batch", () => {
  assert.deepEqual(mixOf("counts", { a: 3, b: 7 }, 10), { mix: { a: 3, b: 7 }, said: "The counts add up to 10; the batch has 10.", fits: true });
  assert.equal(mixOf("counts", { a: 3, b: 8 }, 10).fits, false);
});

test("evenly always makes the whole", () => {
  assert.deepEqual(evenly(3, 10, 1), [4, 3, 3]);
  assert.deepEqual(evenly(3, 100, 0.01), [33.34, 33.33, 33.33]);
  for (const classes of [1, 2, 7, 11]) {
    assert.equal(evenly(classes, 200, 1).reduce((sum, one) => sum + one, 0), 200);
    const shares = Object.fromEntries(evenly(classes, 100, 0.01).map((one, place) => [`c${place}`, one]));
    assert.equal(mixOf("shares", shares, 200).fits, true);
  }
});
