// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  boundsOf, defaultShape, describePlace, dragHandle, growShape, handlesOf, moveShape, shapeAt, shapeFault,
} from "../../static/js/model/shapes.js";
import { box } from "./schema.js";
import { seeded } from "./seeded.js";

const SIZE = { width: 64, height: 64 };
const KINDS = /** @type {const} */ (["box", "polygon", "point"]);

test("no shape leaves the image, however it is moved, grown or dragged", () => {
  const between = seeded(4);
  for (let run = 0; run < 300; run += 1) {
    const kind = KINDS[run % 3] ?? "box";
    let shape = defaultShape(kind, "a", { x: between(-20, 90), y: between(-20, 90) }, SIZE, "s");
    shape = moveShape(shape, between(-90, 90), between(-90, 90), SIZE);
    shape = growShape(shape, between(-90, 90), between(-90, 90), SIZE);
    const handles = handlesOf(shape);
    const handle = handles[Math.floor(between(0, handles.length))];
    shape = dragHandle(shape, handle?.name ?? "move", { x: between(-90, 150), y: between(-90, 150) }, SIZE);
    const { x, y, width, height } = boundsOf(shape);
    assert.ok(x >= -1e-9 && y >= -1e-9 && x + width <= 64 + 1e-9 && y + height <= 64 + 1e-9, JSON.stringify(shape));
    if (kind === "box") assert.equal(shapeFault(shape), null);
  }
});

test("moving keeps the size, and a stop at the edge does not squeeze", () => {
  const moved = moveShape(box("a"), 100, 0, SIZE);
  assert.deepEqual(moved.geometry, { x: 56, y: 20, width: 8, height: 6 });
});

test("a corner dragged over the opposite one turns the box over", () => {
  const turned = dragHandle(box("a"), "se", { x: 4, y: 10 }, SIZE);
  assert.deepEqual(turned.geometry, { x: 4, y: 10, width: 6, height: 10 });
});

test("the topmost shape under the pointer is found, and none beside", () => {
  const below = box("below");
  const above = { ...box("above"), geometry: { x: 12, y: 22, width: 3, height: 3 } };
  assert.equal(shapeAt([below, above], { x: 13, y: 23 }, 0)?.id, "above");
  assert.equal(shapeAt([below, above], { x: 10.5, y: 20.5 }, 0)?.id, "below");
  assert.equal(shapeAt([below, above], { x: 40, y: 40 }, 2), null);
});

test("shapes that cannot be used say why", () => {
  assert.match(shapeFault({ id: "p", kind: "polygon", class: "a", geometry: { points: [[0, 0], [3, 3]] } }) ?? "", /three corners/);
  assert.match(shapeFault({ id: "p", kind: "polygon", class: "a", geometry: { points: [[0, 0], [9, 9], [9, 0], [0, 9]] } }) ?? "", /crosses itself/);
});

test("a place is told in words", () => {
  assert.equal(describePlace(box("a"), SIZE), "middle left, 8 × 6 px");
  assert.equal(describePlace({ id: "p", kind: "point", class: "a", geometry: { x: 60, y: 60 } }, SIZE), "lower right, at 60, 60 px");
});
