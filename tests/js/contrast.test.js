// @ts-check
/** WCAG 2.2: 4.5 to 1 for words, 3 to 1 for the edges of controls, in both themes, from the tokens themselves. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../../static/css/tokens.css", import.meta.url), "utf8");
const tokens = new Map([...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(([, name = "", light = "", dark = ""]) => [name, { light, dark }]));

/** @param {string} hex relative luminance as WCAG defines it */
function luminance(hex) {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {string} a @param {string} b @param {"light" | "dark"} theme */
function contrast(a, b, theme) {
  const [low = 0, high = 0] = [a, b].map((name) => luminance(tokens.get(name)?.[theme] ?? assert.fail(name))).sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const GROUNDS = ["bg", "surface", "surface-2", "surface-3"];
const WORDS = ["text", "text-soft", "text-faint", "accent", "ok", "warn", "bad", "info"];
/** @type {[string, string, number][]} */
const PAIRS = [
  ...GROUNDS.flatMap((ground) => WORDS.map((word) => /** @type {[string, string, number]} */ ([word, ground, 4.5]))),
  ...GROUNDS.map((ground) => /** @type {[string, string, number]} */ (["line-strong", ground, 3])),
  ...["ok", "warn", "bad", "info", "accent"].map((tone) => /** @type {[string, string, number]} */ ([tone, `${tone}-soft`, 4.5])),
  ...["ok-soft", "warn-soft", "bad-soft", "info-soft", "accent-soft"].flatMap((soft) => ["text", "text-faint"].map((word) => /** @type {[string, string, number]} */ ([word, soft, 4.5]))),
  ["accent-ink", "accent", 4.5],
  ...["series-1", "series-2", "series-3", "series-4"].map((series) => /** @type {[string, string, number]} */ ([series, "surface", 3])),
];

for (const theme of /** @type {const} */ (["light", "dark"])) {
  test(`every pair of the ${theme} theme can be read`, () => {
    const bad = PAIRS.map(([a, b, least]) => ({ pair: `${a} on ${b}`, is: contrast(a, b, theme), least })).filter(({ is, least }) => is < least);
    assert.deepEqual(bad, []);
  });
}
