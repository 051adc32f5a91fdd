// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory } from "fake-indexeddb";

import { Problem } from "../../static/js/errors.js";
import { emptyAnswer, toWire } from "../../static/js/model/answer.js";
import { Journal } from "../../static/js/state/journal.js";
import { Outbox } from "../../static/js/state/outbox.js";
import { openShelf } from "../../static/js/state/shelf.js";
import { FakeServer, FakeTime } from "./server.js";

const ANSWER = toWire(emptyAnswer(), { active: 0, idle: 0 });

async function sitting(reads = 3) {
  const server = new FakeServer(reads);
  const time = new FakeTime();
  let keys = 0;
  const journal = new Journal(await openShelf(new IDBFactory()), { user: "ann", study: "s", now: time.now, newKey: () => `k${(keys += 1)}` });
  /** @type {string[]} */
  const aside = [];
  const outbox = new Outbox({
    journal, now: time.now, schedule: time.schedule, send: (entry, rev) => server.send(entry, rev), onKeptAside: ({ read }) => aside.push(read),
  });
  await server.claim(reads);
  return { server, time, journal, outbox, aside };
}

test("answers are sent in order and leave the journal when acknowledged", async () => {
  const { server, journal, outbox } = await sitting();
  for (const read of ["r0", "r1", "r2"]) await journal.keepFinal("submit", read, 1, ANSWER);
  await outbox.flush();
  assert.deepEqual(server.log.slice(1), ["submit r0", "submit r1", "submit r2"]);
  assert.equal((await outbox.standing()).waiting, 0);
});

test("nothing is lost while the server is away, and all is sent when it is back", async () => {
  const { server, time, journal, outbox } = await sitting();
  server.away = new Problem({ status: 0, code: "offline" });
  await journal.keepFinal("submit", "r0", 1, ANSWER);
  await journal.keepFinal("submit", "r1", 1, ANSWER);
  await outbox.flush();
  await time.pass(60_000);
  const standing = await outbox.standing();
  assert.deepEqual([standing.waiting, standing.offline], [2, true]);
  server.away = null;
  await time.pass(61_000);
  assert.deepEqual(server.rows.map(({ state }) => state), ["submitted", "submitted", "leased"]);
  assert.deepEqual([(await outbox.standing()).waiting, outbox.offline], [0, false]);
});

test("an acknowledgement that got lost does not submit twice", async () => {
  const { server, time, journal, outbox } = await sitting();
  server.losesAnswers = 1;
  await journal.keepFinal("submit", "r0", 1, ANSWER);
  await outbox.flush();
  assert.equal((await outbox.standing()).waiting, 1);
  await time.pass(5000);
  assert.equal((await outbox.standing()).waiting, 0);
  assert.deepEqual([server.rows[0]?.state, server.rows[0]?.rev], ["submitted", 2]);
});

test("a submission follows its draft with the rev the draft was given", async () => {
  const { server, time, journal, outbox } = await sitting();
  await journal.keepDraft("r0", 1, ANSWER);
  await time.pass(2000);
  await outbox.flush();
  assert.equal(server.rows[0]?.rev, 2);
  await journal.keepFinal("submit", "r0", 1, ANSWER);
  await outbox.flush();
  assert.equal(server.rows[0]?.state, "submitted");
});

test("a lost draft acknowledgement does not stop the submission after a reload", async () => {
  const { server, time, journal } = await sitting();
  const rows = server.rows;
  if (rows[0]) rows[0].rev = 5; // the draft arrived; this page never heard of it
  const outbox = new Outbox({ journal, now: time.now, schedule: time.schedule, send: (entry, rev) => server.send(entry, rev) });
  await journal.keepFinal("submit", "r0", 1, { ...ANSWER, comment: "mine" });
  await outbox.flush();
  assert.deepEqual([rows[0]?.state, rows[0]?.answer.comment], ["submitted", "mine"]);
});

test("an ended login stops sending until the person is back, and keeps everything", async () => {
  const { server, time, journal, outbox } = await sitting();
  server.away = new Problem({ status: 401, code: "not_authenticated" });
  await journal.keepFinal("submit", "r0", 1, ANSWER);
  await outbox.flush();
  assert.ok((await outbox.standing()).needsLogin);
  server.away = null;
  await time.pass(120_000);
  assert.equal(server.rows[0]?.state, "leased");
  await outbox.resume();
  assert.equal(server.rows[0]?.state, "submitted");
});

test("a refused answer is kept, shown, does not hold up the others, and can be sent again", async () => {
  const { server, journal, outbox } = await sitting();
  server.refusals = { r0: new Problem({ status: 422, code: "invalid_answer", title: "Invalid input", detail: "classes: Choose a class." }) };
  await journal.keepFinal("submit", "r0", 1, ANSWER);
  await journal.keepFinal("submit", "r1", 1, ANSWER);
  await outbox.flush();
  const { refused, waiting } = await outbox.standing();
  assert.deepEqual([refused.length, waiting, server.rows[1]?.state], [1, 0, "submitted"]);
  assert.equal(refused[0]?.refusal?.detail, "classes: Choose a class.");
  server.refusals = {};
  if (refused[0]) await outbox.retry(refused[0]);
  assert.equal(server.rows[0]?.state, "submitted");
  assert.deepEqual((await outbox.standing()).refused, []);
});

test("what could still be taken back is sent at once when that is asked for", async () => {
  const { server, time, journal, outbox } = await sitting();
  const entry = await journal.keepFinal("submit", "r0", 1, ANSWER, 5000);
  await outbox.flush();
  assert.equal(server.rows[0]?.state, "leased");
  await outbox.hurry();
  assert.deepEqual([server.rows[0]?.state, await journal.take(entry)], ["submitted", false]);
  await time.pass(10_000);
  assert.equal((await outbox.standing()).waiting, 0);
});

test("a draft that the server does not take stays in the journal, and alarms nobody", async () => {
  const { server, journal, outbox } = await sitting();
  server.draftRefusal = new Problem({ status: 413, code: "answer_too_large" });
  const draft = await journal.keepDraft("r0", 1, ANSWER);
  await journal.update(draft, { not_before: 0 });
  await outbox.flush();
  const { waiting, refused } = await outbox.standing();
  assert.deepEqual([waiting, refused.length, (await journal.mine()).map(({ kind, state }) => `${kind} ${state}`)], [0, 0, ["draft kept"]]);
});

test("a read that somebody else has now is told of, and the server keeps the answer", async () => {
  const { server, journal, outbox, aside } = await sitting();
  server.refusals = { r0: new Problem({ status: 409, code: "lease_lost" }) };
  await journal.keepFinal("submit", "r0", 1, ANSWER);
  await outbox.flush();
  assert.deepEqual(aside, ["r0"]);
  assert.equal((await outbox.standing()).waiting, 0);
});
