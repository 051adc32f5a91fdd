// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { placeInWords } from "../../static/js/model/places.js";

const NAMES = ["slide.png", "scans.zip", "series.dcm"];

test("a refused place gets the name that the tab remembers", () => {
  assert.equal(placeInWords("0", NAMES), "slide.png");
  assert.equal(placeInWords("1/17", NAMES), "scans.zip, entry 17");
  assert.equal(placeInWords("2#3", NAMES), "series.dcm, frame 3");
  assert.equal(placeInWords("0@352,16", NAMES), "slide.png, tile at 352, 16");
  assert.equal(placeInWords("1/4!12", NAMES), "scans.zip, entry 4, box 12");
  assert.equal(placeInWords("0:7", NAMES), "slide.png, line 7");
  assert.equal(placeInWords("1/4#2@0,64", NAMES), "scans.zip, entry 4, frame 2, tile at 0, 64");
});

test("a place whose name nobody holds stays a place", () => {
  assert.equal(placeInWords("9", NAMES), null);
  assert.equal(placeInWords("", NAMES), null);
  assert.equal(placeInWords("known", NAMES), null);
  assert.equal(placeInWords("0", []), null);
});
