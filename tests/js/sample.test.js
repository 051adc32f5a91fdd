// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { describe, recipeOf } from "../../static/js/model/sample.js";

const wish = { seed: 7, count: 16, truncation: 0.5 };

test("a grid is described for who cannot see it", () => {
  assert.equal(describe(wish), "Grid of 16 synthetic images, seed 7");
  assert.equal(describe({ ...wish, class_key: "rare" }), "Grid of 16 synthetic images of class rare, seed 7");
});

test("the recipe says what makes the same images again", () => {
  const header = JSON.stringify({ generator: "a".repeat(64), dtype: "float32", encoder: "fpng-0.1.0" });
  assert.equal(
    recipeOf({ ...wish, class_key: "rare" }, header),
    "Seed 7 · images 0 to 15 · class rare · truncation 0.5 · generator aaaaaaaaaaaa… · float32 · fpng-0.1.0",
  );
});

test("without a recipe in the answer, what was asked for is still said", () => {
  for (const header of [null, "", "no json", "null"]) {
    assert.equal(recipeOf(wish, header), "Seed 7 · images 0 to 15 · truncation 0.5");
  }
});
