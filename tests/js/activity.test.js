// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { ActivityClock } from "../../static/js/state/activity.js";
import { RateWatch, timeLeft } from "../../static/js/model/eta.js";

test("work counts as active, a long silence and a hidden page as idle", () => {
  let now = 0;
  const clock = new ActivityClock({ now: () => now, patienceSeconds: 30 });
  now = 10_000;
  clock.touch();
  now = 100_000; // 90 s without a sign of life
  clock.touch();
  now = 105_000;
  clock.touch(); // the page goes out of sight
  now = 205_000;
  clock.skip(); // and comes back
  now = 207_000;
  assert.deepEqual(clock.read(), { active: 17, idle: 190 });
});

test("a read that comes back goes on where it was", () => {
  let now = 5000;
  const clock = new ActivityClock({ now: () => now });
  clock.reset({ active: 8, idle: 2 });
  now += 1000;
  assert.deepEqual(clock.read(), { active: 9, idle: 2 });
});

test("time left follows the rate and is not told too early or after the end", () => {
  const rate = new RateWatch();
  rate.see(0, 0);
  assert.equal(rate.secondsLeft(100), null);
  rate.see(10_000, 20);
  assert.equal(rate.secondsLeft(100), 40);
  rate.see(20_000, 100);
  assert.equal(rate.secondsLeft(100), null);
});

test("the rate forgets what is over a minute old, and a start from the beginning", () => {
  const rate = new RateWatch();
  for (let second = 0; second <= 100; second += 10) rate.see(second * 1000, second);
  for (let second = 110; second <= 200; second += 10) rate.see(second * 1000, 100 + (second - 100) * 5);
  assert.equal(Math.round(rate.secondsLeft(1100) ?? 0), 100);
  rate.see(210_000, 3);
  assert.equal(rate.secondsLeft(1100), null);
});

test("time left in words", () => {
  assert.equal(timeLeft(null), "");
  assert.equal(timeLeft(42), "about 40 s left");
  assert.equal(timeLeft(840), "about 14 min left");
  assert.equal(timeLeft(9000), "about 2.5 h left");
});
