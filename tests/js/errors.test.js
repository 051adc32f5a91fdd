// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { explain, Problem, problemFrom } from "../../static/js/errors.js";
import { put, filled } from "../../static/js/model/body.js";
import { columnsOf, plotGroups } from "../../static/js/model/series.js";

const NONE = new Headers();

test("a problem document keeps its code, words, reference and fields", () => {
  const problem = problemFrom(422, {
    code: "invalid_answer", title: "Invalid input", detail: "classes: Choose a class.", request_id: "abc", errors: [{ field: "classes", detail: "Choose a class." }],
  }, NONE);
  assert.deepEqual(problem.fieldErrors, { classes: ["Choose a class."] });
  const { title, detail, action, requestId } = explain(problem);
  assert.deepEqual([title, detail, requestId], ["Invalid input", "classes: Choose a class.", "abc"]);
  assert.ok(action);
});

test("an answer that is no problem document still says something a person can act on", () => {
  const problem = problemFrom(502, null, new Headers({ "X-Request-ID": "r1", "Retry-After": "7" }));
  assert.deepEqual([problem.isPassing, problem.retryAfter, explain(problem).requestId], [true, 7, "r1"]);
  assert.match(explain(problem).action, /Try again/);
  assert.match(explain(new Error("boom")).detail, /boom/);
});

test("what passes, what needs a login and what is final are told apart", () => {
  assert.ok(new Problem({ status: 0 }).isPassing && new Problem({ status: 503 }).isPassing && new Problem({ status: 429 }).isPassing);
  assert.ok(!new Problem({ status: 422 }).isPassing && !new Problem({ status: 409 }).isPassing);
  assert.ok(new Problem({ status: 401 }).needsLogin && new Problem({ status: 403, code: "csrf_failed" }).needsLogin);
  assert.ok(!new Problem({ status: 403, code: "not_allowed" }).needsLogin);
});

test("a password that is wrong is typed again, no right is asked for", () => {
  const problem = problemFrom(403, { code: "wrong_password", title: "Not allowed", errors: [{ field: "password", detail: "No." }] }, NONE);
  assert.deepEqual(problem.fieldErrors, { password: ["No."] });
  assert.match(explain(problem).action, /Type it again/);
});

test("dotted names make nested bodies and repeated names lists", () => {
  /** @type {Record<string, any>} */
  const body = {};
  put(body, ["config", "steps"], 100);
  put(body, ["config", "seed"], 7);
  put(body, ["role"], "a");
  put(body, ["role"], "b");
  assert.deepEqual(body, { config: { steps: 100, seed: 7 }, role: ["a", "b"] });
  assert.equal(filled("/trainings/{id}/", { id: "a b" }), "/trainings/a%20b/");
});

test("curves are lined up by step, with gaps where nothing was measured", () => {
  /** @type {import("../../static/js/model/series.js").Curves} */
  const curves = { g_loss: [[0, 1], [10, 2]], d_loss: [[10, 3], [5, 4]], novel: [[0, 9]] };
  assert.deepEqual(columnsOf(curves, ["g_loss", "d_loss"]), [[0, 5, 10], [1, null, 2], [null, 4, 3]]);
  assert.deepEqual(plotGroups(Object.keys(curves)).map(({ names }) => names), [["g_loss", "d_loss"], ["novel"]]);
});

test("an answer that is being taken at this moment is asked for again, other conflicts are not", () => {
  assert.equal(new Problem({ status: 409, code: "idempotency_in_flight" }).isPassing, true);
  assert.equal(new Problem({ status: 409, code: "lease_lost" }).isPassing, false);
});
