// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { BadPixels, paint, readRaster, samplesAt } from "../../static/js/model/raster.js";
import { fullWindow, levelAndWidth, lookupTable, percentileWindow, windowOf } from "../../static/js/model/window.js";

/** @param {number} width @param {number} height @param {number} channels @param {number} bits */
function headers(width, height, channels, bits) {
  return new Headers({ "X-Image-Width": `${width}`, "X-Image-Height": `${height}`, "X-Image-Channels": `${channels}`, "X-Image-Bits": `${bits}` });
}

test("8-bit colour is shown as it is", () => {
  const bytes = Uint8Array.from([0, 1, 2, 127, 128, 255]);
  const raster = readRaster(bytes.buffer, headers(2, 1, 3, 8));
  const rgba = new Uint8ClampedArray(8);
  paint(raster, lookupTable(fullWindow(8), 8), rgba);
  assert.deepEqual([...rgba], [0, 1, 2, 255, 127, 128, 255, 255]);
  assert.deepEqual(samplesAt(raster, { x: 1.9, y: 0.2 }), [127, 128, 255]);
  assert.equal(samplesAt(raster, { x: 2, y: 0 }), null);
});

test("16-bit grey is read little-endian and windowed over its own range", () => {
  const bytes = Uint8Array.from([0xe8, 0x03, 0xd0, 0x07, 0xb8, 0x0b]); // 1000, 2000, 3000
  const raster = readRaster(bytes.buffer, headers(3, 1, 1, 16));
  assert.deepEqual([...raster.samples], [1000, 2000, 3000]);
  const window = percentileWindow(raster, 0, 100);
  assert.deepEqual(window, { low: 1000, high: 3000 });
  const rgba = new Uint8ClampedArray(12);
  paint(raster, lookupTable(window, 16), rgba);
  assert.deepEqual([rgba[0], rgba[4], rgba[8]], [0, 128, 255]);
});

test("pixels that do not fit their headers are refused", () => {
  assert.throws(() => readRaster(new ArrayBuffer(5), headers(2, 1, 3, 8)), BadPixels);
  assert.throws(() => readRaster(new ArrayBuffer(8), headers(2, 1, 4, 8)), BadPixels);
  assert.throws(() => readRaster(new ArrayBuffer(8), new Headers()), BadPixels);
});

test("a flat image gets the full range, not a window of no width", () => {
  const raster = readRaster(new Uint8Array([7, 7, 7, 7]).buffer, headers(2, 2, 1, 8));
  assert.deepEqual(percentileWindow(raster, 1, 99), fullWindow(8));
});

test("level and width turn into a window and back, and stay in the range", () => {
  assert.deepEqual(levelAndWidth(windowOf(100, 50, 8)), { level: 100, width: 50 });
  assert.equal(levelAndWidth(windowOf(-40, 0, 8)).level, 0);
  assert.equal(levelAndWidth(windowOf(10, 0, 8)).width, 1);
});

test("light and dark swapped is the negative of the same window", () => {
  for (const bits of /** @type {const} */ ([8, 16])) {
    const window = windowOf(2 ** bits / 3, 2 ** bits / 4, bits);
    const [usual, swapped] = [lookupTable(window, bits), lookupTable(window, bits, true)];
    // Each is rounded for itself, so a value in the middle between two greys may differ by one.
    assert.ok(usual.every((grey, value) => Math.abs(grey + (swapped[value] ?? 0) - 255) <= 1));
    assert.deepEqual([swapped[0], swapped.at(-1)], [255, 0]);
  }
});
