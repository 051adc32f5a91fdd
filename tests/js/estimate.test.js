// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, provenance, span, targetsOf } from "../../static/js/model/estimate.js";

test("a range is told in the unit of its larger end", () => {
  assert.equal(span(40, 62), "40 to 62 s");
  assert.equal(span(500, 840), "8.3 to 14.0 min");
  assert.equal(span(1800, 3600), "30 to 60 min");
  assert.equal(span(3000, 9000), "0.8 to 2.5 h");
  assert.equal(span(600, 600), "about 10 min");
});

test("time since is told roughly", () => {
  const now = Date.parse("2024-05-01T12:00:00Z");
  assert.equal(ago(now - 20_000, now), "just now");
  assert.equal(ago(now - 180_000, now), "3 min ago");
  assert.equal(ago(now - 2 * 3_600_000, now), "2 h ago");
  assert.equal(ago(now - 72 * 3_600_000, now), "3 days ago");
});

test("the oldest figure is the one whose age is told", () => {
  const now = Date.parse("2024-05-01T12:00:00Z");
  const base = { steps: 1, is_known: true, device: "cpu", model: "x", threads: 2, dtype: "bfloat16", peak_bytes: 2 ** 30 };
  const presets = [
    { ...base, name: "quick", source: "measurement", measured_at: "2024-05-01T11:57:00Z" },
    { ...base, name: "best", source: "run", measured_at: "2024-05-01T11:00:00Z" },
  ];
  assert.match(provenance(presets, now), /^Measured in a few steps, 60 min ago, on cpu, x, 2 threads, bfloat16; 1.0 GiB/);
  assert.match(provenance(presets.slice(1), now), /^As a real run took/);
  assert.match(provenance([{ name: "quick", steps: 1, is_known: false }], now), /^Nothing is known yet/);
});

test("shares that are rounded to a tenth still make one", () => {
  const { targets, total } = targetsOf({ a: 33.3, b: 33.3, c: 33.3 });
  assert.ok(Math.abs(total - 99.9) < 1e-9);
  assert.ok(Math.abs(Object.values(targets).reduce((sum, share) => sum + share, 0) - 1) < 1e-12);
  assert.deepEqual(targetsOf({ a: 50, b: 20 }).targets, { a: 0.5, b: 0.2 });
});
