// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  boundsOfPoints, boxFromCorners, clampBox, crossesItself, isInPolygon, polygonArea,
} from "../../static/js/model/geometry.js";
import { seeded } from "./seeded.js";

test("a box is the same from any two opposite corners", () => {
  const wanted = { x: 2, y: 3, width: 5, height: 7 };
  assert.deepEqual(boxFromCorners({ x: 2, y: 3 }, { x: 7, y: 10 }), wanted);
  assert.deepEqual(boxFromCorners({ x: 7, y: 3 }, { x: 2, y: 10 }), wanted);
});

test("a clamped box lies inside the image, whatever it was", () => {
  const between = seeded(1);
  const size = { width: 64, height: 48 };
  for (let run = 0; run < 500; run += 1) {
    const box = clampBox({ x: between(-200, 200), y: between(-200, 200), width: between(0, 200), height: between(0, 200) }, size);
    assert.ok(box.x >= 0 && box.y >= 0);
    assert.ok(box.x + box.width <= size.width + 1e-9 && box.y + box.height <= size.height + 1e-9);
  }
});

test("polygon area, bounds and inside agree with a known shape", () => {
  /** @type {[number, number][]} */
  const ell = [[0, 0], [4, 0], [4, 1], [1, 1], [1, 3], [0, 3]];
  assert.equal(polygonArea(ell), 6);
  assert.equal(polygonArea([...ell].reverse()), 6);
  assert.deepEqual(boundsOfPoints(ell), { x: 0, y: 0, width: 4, height: 3 });
  assert.ok(isInPolygon({ x: 0.5, y: 2 }, ell));
  assert.ok(!isInPolygon({ x: 2, y: 2 }, ell));
});

test("an outline that crosses itself is told from one that does not", () => {
  assert.ok(crossesItself([[0, 0], [4, 4], [4, 0], [0, 4]]));
  assert.ok(!crossesItself([[0, 0], [4, 0], [4, 4], [0, 4]]));
  assert.ok(!crossesItself([[0, 0], [4, 0], [2, 3]]));
});
