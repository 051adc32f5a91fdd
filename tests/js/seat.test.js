// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Seat } from "../../static/js/state/seat.js";

/** As much of the browser's lock manager as a seat uses. */
class FakeLocks {
  /** @type {Map<string, (reason: Error) => void>} how the holder learns that it was robbed */
  #holders = new Map();

  /** @param {string} name @param {{ifAvailable?: boolean, steal?: boolean}} options @param {(lock: object | null) => any} work */
  request(name, options, work) {
    if (options.ifAvailable && this.#holders.has(name)) return Promise.resolve(work(null));
    this.#holders.get(name)?.(new Error("stolen"));
    const robbed = new Promise((_, reject) => this.#holders.set(name, reject));
    return Promise.race([work({ name }), robbed]);
  }
}

test("the second tab does not get the seat unless it takes it, and the first learns of that", async () => {
  const locks = /** @type {any} */ (new FakeLocks());
  let lost = 0;
  const first = new Seat(locks, "study", () => (lost += 1));
  const second = new Seat(locks, "study", () => {});
  assert.equal(await first.take(false), true);
  assert.equal(await second.take(false), false);
  assert.deepEqual([first.isHeld, lost], [true, 0]);
  assert.equal(await second.take(true), true);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([first.isHeld, lost], [false, 1]);
});

test("without a lock manager every tab works", async () => {
  assert.equal(await new Seat(undefined, "study", () => {}).take(false), true);
});
