// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Fingers } from "../../static/js/tools/fingers.js";

test("two fingers zoom by their distance and pan by their middle", () => {
  const fingers = new Fingers();
  fingers.down(1, { x: 100, y: 100 });
  assert.equal(fingers.isPinching, false);
  assert.equal(fingers.move(1, { x: 110, y: 100 }), null, "one finger belongs to the tool");
  fingers.down(2, { x: 210, y: 100 });
  assert.equal(fingers.isPinching, true);
  assert.deepEqual(fingers.move(2, { x: 310, y: 100 }), { factor: 2, anchor: { x: 210, y: 100 }, dx: 50, dy: 0 });
});

test("the finger that stays draws nothing, and the next touch is a new one", () => {
  const fingers = new Fingers();
  fingers.down(1, { x: 0, y: 0 });
  fingers.down(2, { x: 50, y: 0 });
  fingers.up(1);
  assert.equal(fingers.isPinching, true);
  assert.equal(fingers.move(2, { x: 60, y: 0 }), null);
  fingers.up(2);
  assert.equal(fingers.isPinching, false);
});

test("fingers on one spot do not make the zoom jump", () => {
  const fingers = new Fingers();
  fingers.down(1, { x: 5, y: 5 });
  fingers.down(2, { x: 5, y: 5 });
  assert.equal(fingers.move(2, { x: 7, y: 5 })?.factor, 1);
  assert.equal(fingers.move(9, { x: 7, y: 5 }), null, "a pointer that is not down");
});
