// @ts-check
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { request } from "../../static/js/api.js";

const real = globalThis.fetch;

/** @type {Record<string, string>[]} */
let sent = [];

/** @param {string | undefined} user whose page this is */
function openPage(user) {
  sent = [];
  const page = { cookie: "csrftoken=t", body: { dataset: user === undefined ? {} : { user } }, querySelector: () => null };
  Object.assign(globalThis, {
    document: page,
    fetch: async (/** @type {string} */ _url, /** @type {RequestInit} */ options) => {
      sent.push(/** @type {Record<string, string>} */ (options.headers));
      return new Response("{}", { status: 200 });
    },
  });
}

afterEach(() => {
  globalThis.fetch = real;
  Reflect.deleteProperty(globalThis, "document");
});

test("every request says for whom the page was made", async () => {
  openPage("7b0c");
  await request("GET", "/api/v1/me");
  await request("POST", "/api/v1/reads/r/submit", { body: {} });
  assert.deepEqual(sent.map((headers) => headers["X-Acting-User"]), ["7b0c", "7b0c"]);
});

test("the page of nobody says nothing", async () => {
  openPage(undefined);
  await request("GET", "/api/v1/me");
  assert.ok(!("X-Acting-User" in (sent[0] ?? {})));
});
