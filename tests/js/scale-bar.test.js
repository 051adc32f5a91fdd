// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { scaleBar } from "../../static/js/model/scale-bar.js";

test("the bar has a round length, and is as long on the screen as it says", () => {
  for (const [size, scale, pixels, text] of /** @type {const} */ ([
    [0.5, 10, 100, "5 µm"], [0.25, 1, 80, "20 µm"], [140, 4, 142.857, "5 mm"], [0.01, 20, 100, "50 nm"], [1, 80, 160, "2 µm"],
  ])) {
    const bar = scaleBar(size, scale);
    assert.ok(Math.abs(bar.pixels - pixels) < 1e-3, `${size} ${scale}: ${bar.pixels}`);
    assert.equal(bar.text, text);
  }
});

test("at every zoom it is neither too long nor too short", () => {
  for (let scale = 0.05; scale < 80; scale *= 1.07) {
    const { pixels } = scaleBar(0.37, scale);
    assert.ok(pixels > 60 && pixels <= 160.001, `${scale}: ${pixels}`);
  }
});
