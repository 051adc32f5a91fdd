// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { centred, fitView, keepInSight, panBy, toImage, toScreen, zoomAt } from "../../static/js/model/transform.js";
import { seeded } from "./seeded.js";

/** @param {import("../../static/js/model/types.js").Point} a @param {import("../../static/js/model/types.js").Point} b */
function near(a, b) {
  assert.ok(Math.hypot(a.x - b.x, a.y - b.y) < 1e-6, `${JSON.stringify(a)} is not ${JSON.stringify(b)}`);
}

test("image to screen and back is the same point, at any zoom and place", () => {
  const between = seeded(2);
  for (let run = 0; run < 500; run += 1) {
    const view = { scale: between(0.05, 80), x: between(-5000, 5000), y: between(-5000, 5000) };
    const point = { x: between(-100, 2000), y: between(-100, 2000) };
    near(toImage(view, toScreen(view, point)), point);
  }
});

test("zooming keeps the point under the pointer where it is", () => {
  const between = seeded(3);
  for (let run = 0; run < 500; run += 1) {
    const view = { scale: between(0.1, 20), x: between(-500, 500), y: between(-500, 500) };
    const anchor = { x: between(0, 900), y: between(0, 600) };
    const zoomed = zoomAt(view, between(0.2, 5), anchor);
    near(toImage(zoomed, anchor), toImage(view, anchor));
  }
});

test("a fitted image is whole, centred and touches the margin on one side", () => {
  const screen = { width: 900, height: 600 };
  for (const image of [{ width: 64, height: 64 }, { width: 1024, height: 200 }, { width: 30, height: 900 }]) {
    const view = fitView(image, screen, 20);
    const corner = toScreen(view, { x: image.width, y: image.height });
    assert.ok(view.x >= 20 - 1e-9 && view.y >= 20 - 1e-9);
    assert.ok(Math.abs(view.x - (screen.width - corner.x)) < 1e-9 && Math.abs(view.y - (screen.height - corner.y)) < 1e-9);
    assert.ok(Math.abs(view.x - 20) < 1e-9 || Math.abs(view.y - 20) < 1e-9);
  }
});

test("an image cannot be panned out of sight", () => {
  const image = { width: 64, height: 64 };
  const screen = { width: 900, height: 600 };
  const view = keepInSight(panBy(centred(image, screen, 4), 1e6, -1e6), image, screen, 48);
  assert.equal(view.x, 900 - 48);
  assert.equal(view.y, 48 - 256);
});
