// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Leases, NOTICE_SECONDS } from "../../static/js/state/lease.js";

test("the end of a lease is told two minutes before, once it is over, and not any more after it was held again", () => {
  let now = 0;
  const leases = new Leases({ now: () => now, seconds: 900 });
  leases.begin("r");
  assert.deepEqual([leases.toTell("r"), leases.toTell("other"), leases.toTell(null)], [null, null, null]);
  now = (900 - NOTICE_SECONDS - 1) * 1000;
  assert.equal(leases.toTell("r"), null);
  now += 1000;
  assert.equal(leases.toTell("r"), NOTICE_SECONDS);
  now = 899_001;
  assert.equal(leases.toTell("r"), 1);
  now = 2_000_000;
  assert.equal(leases.toTell("r"), 0);
  leases.begin("r");
  assert.equal(leases.toTell("r"), null);
  leases.end("r");
  now += 2_000_000;
  assert.equal(leases.toTell("r"), null);
});
