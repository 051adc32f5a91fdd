// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { ReadsApi } from "../../static/js/reads.js";

/** @typedef {import("../../static/js/state/journal.js").Entry} Entry */

const real = globalThis.fetch;
const api = new ReadsApi({ claim: "/api/v1/studies/s/claim" });

/** @type {{url: string, keepalive: boolean | undefined, entries: {read: string, rev: number}[]}[]} */
let sent = [];

beforeEach(() => {
  sent = [];
  Object.assign(globalThis, {
    document: { cookie: "csrftoken=t", body: { dataset: {} }, querySelector: () => null },
    fetch: async (/** @type {string} */ url, /** @type {RequestInit} */ options) => {
      sent.push({ url, keepalive: options.keepalive, ...JSON.parse(String(options.body)) });
      return new Response("[]", { status: 200 });
    },
  });
});

afterEach(() => {
  globalThis.fetch = real;
  Reflect.deleteProperty(globalThis, "document");
});

/** @param {number} count @param {string} comment */
function said(count, comment = "") {
  return Array.from({ length: count }, (_, at) => ({
    rev: String(at),
    entry: /** @type {Entry} */ ({ read: `r${at}`, kind: "submit", key: `key-${at}`, rev: 1, body: { comment } }),
  }));
}

test("what waits leaves in one request that outlives the page, in its order", async () => {
  await api.leave(said(3));
  assert.equal(sent.length, 1);
  const [{ url, keepalive, entries } = assert.fail()] = sent;
  assert.deepEqual([url, keepalive], ["/api/v1/reads/leaving", true]);
  assert.deepEqual(entries[2], { read: "r2", kind: "submit", key: "key-2", rev: 2, body: { comment: "" } });
  assert.deepEqual(entries.map(({ read }) => read), ["r0", "r1", "r2"]);
});

test("of more than a browser or the server takes at once, the oldest go", async () => {
  await api.leave(said(101));
  assert.equal(sent[0]?.entries.length, 100);
  await api.leave(said(3, "ä".repeat(14_000)));
  assert.deepEqual(sent[1]?.entries.map(({ read }) => read), ["r0", "r1"]);
});

test("with nothing that waits, or nothing that fits, nothing is sent", async () => {
  await api.leave([]);
  await api.leave(said(1, "x".repeat(60_000)));
  assert.deepEqual(sent, []);
});
