// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory } from "fake-indexeddb";

import { Problem } from "../../static/js/errors.js";
import { toggleClass, toWire, withShape } from "../../static/js/model/answer.js";
import { ActivityClock } from "../../static/js/state/activity.js";
import { Journal } from "../../static/js/state/journal.js";
import { Outbox } from "../../static/js/state/outbox.js";
import { ReadQueue } from "../../static/js/state/queue.js";
import { Reading } from "../../static/js/state/reading.js";
import { openShelf } from "../../static/js/state/shelf.js";
import { box, GLANDS } from "./schema.js";
import { FakeServer, FakeTime, settle } from "./server.js";

let keys = 0;
const newKey = () => `k${(keys += 1)}`;

/**
 * A page opened on a server; the same factory again is the same browser after a reload.
 *
 * @param {{server: FakeServer, time: FakeTime, factory: IDBFactory, user?: string}} options
 */
async function openPage({ server, time, factory, user = "ann" }) {
  const journal = new Journal(await openShelf(factory), { user, study: "s", now: time.now, newKey });
  const queue = new ReadQueue(server);
  const outbox = new Outbox({
    journal, now: time.now, schedule: time.schedule, send: (entry, rev) => server.send(entry, rev),
    onReceipt: (entry) => {
      if (entry.kind === "skip") queue.unhide(entry.read);
      if (entry.kind !== "draft") void reading.refill();
    },
  });
  /** @type {unknown[]} */
  const problems = [];
  const reading = new Reading({
    schema: GLANDS, queue, journal, outbox, clock: new ActivityClock({ now: time.now }), newId: newKey, schedule: time.schedule,
    onProblem: (error) => problems.push(error),
  });
  await reading.start();
  await settle();
  return { reading, queue, outbox, journal, problems };
}

function world(count = 5) {
  return { server: new FakeServer(count), time: new FakeTime(), factory: new IDBFactory() };
}

/** @param {Reading} reading */
function table(reading) {
  const { phase, read } = reading.store.state;
  return read ? `${phase} ${read.id}` : phase;
}

/** @param {Reading} reading */
function label(reading) {
  reading.change(toggleClass(reading.answer, GLANDS, "stroma"));
  return reading.submit();
}

test("the first read comes up with two more behind it, their pixels in memory", async () => {
  const { reading, queue } = await openPage(world());
  assert.equal(table(reading), "reading r0");
  assert.deepEqual(queue.held.map(({ id }) => id), ["r0", "r1", "r2"]);
});

test("a whole study is read in order, each once, to the end", async () => {
  const all = world(7);
  const { reading } = await openPage(all);
  for (let n = 0; n < 7; n += 1) {
    assert.equal(table(reading), `reading r${n}`);
    assert.deepEqual(await label(reading), []);
    await settle();
  }
  await all.time.pass(10_000);
  await reading.next();
  assert.equal(table(reading), "empty");
  assert.equal(reading.store.state.end.reason, "all_done");
  assert.ok(all.server.rows.every(({ state, answer }) => state === "submitted" && answer.classes[0] === "stroma"));
});

test("an answer costs one claim, once the server has it", async () => {
  const all = world();
  const { reading, queue } = await openPage(all);
  await label(reading);
  await settle();
  assert.deepEqual(all.server.log, ["claim 3: r0 r1 r2"]);
  await all.time.pass(6000);
  assert.deepEqual(all.server.log, ["claim 3: r0 r1 r2", "submit r0", "claim 3: r1 r2 r3"]);
  assert.deepEqual(queue.held.map(({ id }) => id), ["r1", "r2", "r3"]);
});

test("how far the reader is stands still true when nothing new is lent", async () => {
  const all = world(3);
  const { reading } = await openPage(all);
  await label(reading);
  all.server.rows[2] = { id: "r2", state: "submitted", rev: 2, draft: null, answer: null };
  await all.time.pass(6000);
  assert.deepEqual(reading.store.state.progress, { done: 2, total: 3, eta_seconds: null });
});

test("at the end the page says that the last answer is on its way, and then by itself that all is done", async () => {
  const all = world(1);
  const { reading } = await openPage(all);
  await label(reading);
  await settle();
  assert.deepEqual([table(reading), reading.store.state.end.reason], ["empty", "sending"]);
  await all.time.pass(6000);
  assert.deepEqual([table(reading), reading.store.state.end.reason], ["empty", "all_done"]);
});

test("a page whose seat was taken gives nothing back and says so", async () => {
  const { reading, queue } = await openPage(world());
  reading.stop();
  assert.deepEqual([reading.untouched(), queue.held, reading.store.state.end.reason], [[], [], "elsewhere"]);
  assert.deepEqual(await reading.undo(), false);
});

test("an incomplete answer stays on the table and nothing is written", async () => {
  const { reading, journal } = await openPage(world());
  reading.change(toggleClass(reading.answer, GLANDS, "dab-positive"));
  const missing = await reading.submit();
  assert.deepEqual(missing.map(({ field }) => field), ["regions"]);
  assert.equal(table(reading), "reading r0");
  assert.deepEqual((await journal.mine()).filter(({ kind }) => kind === "submit"), []);
});

test("a submission is in the journal before it is sent, and is sent when its time is up", async () => {
  const all = world();
  const { reading, outbox } = await openPage(all);
  await label(reading);
  await settle();
  assert.deepEqual([all.server.rows[0]?.state, (await outbox.standing()).waiting], ["leased", 1]);
  await all.time.pass(6000);
  assert.deepEqual([all.server.rows[0]?.state, (await outbox.standing()).waiting], ["submitted", 0]);
});

test("a submission can be taken back: the read comes up again as it was", async () => {
  const all = world();
  const { reading } = await openPage(all);
  reading.change(withShape(toggleClass(reading.answer, GLANDS, "dab-positive"), box("b")));
  await reading.submit();
  await settle();
  assert.equal(table(reading), "reading r1");
  assert.equal(await reading.undo(), true);
  await settle();
  assert.equal(table(reading), "reading r0");
  assert.deepEqual(reading.answer.shapes, [box("b")]);
  await all.time.pass(60_000);
  assert.equal(all.server.rows[0]?.state, "leased");
});

test("after it was sent it cannot be taken back", async () => {
  const all = world();
  const { reading } = await openPage(all);
  await label(reading);
  await all.time.pass(6000);
  assert.equal(await reading.undo(), false);
  assert.equal(table(reading), "reading r1");
});

test("undo steps through the answer first and reaches the submission last", async () => {
  const { reading } = await openPage(world());
  await label(reading);
  await settle();
  reading.change({ ...reading.answer, flagged: true });
  assert.equal(await reading.undo(), true);
  assert.deepEqual([table(reading), reading.answer.flagged], ["reading r1", false]);
  assert.ok(reading.redo());
  await reading.undo();
  await reading.undo();
  await settle();
  assert.equal(table(reading), "reading r0");
});

test("a reload finds the unfinished answer and does not offer what was submitted", async () => {
  const all = world();
  const before = await openPage(all);
  await label(before.reading);
  await settle();
  before.reading.change({ ...before.reading.answer, comment: "half" });
  await before.reading.saveDraft();
  await settle();
  all.server.away = new Problem({ status: 0, code: "offline" }); // nothing of it got out
  const gone = await openPage(all);
  assert.equal(table(gone.reading), "failed");
  all.server.away = null;
  const after = await openPage(all);
  assert.equal(table(after.reading), "reading r1");
  assert.equal(after.reading.answer.comment, "half");
  await all.time.pass(70_000);
  assert.equal(all.server.rows[0]?.state, "submitted");
});

test("drafts reach the server by themselves and come from there on another computer", async () => {
  const all = world();
  const { reading } = await openPage(all);
  reading.change({ ...reading.answer, comment: "seen" });
  await all.time.pass(5000);
  assert.equal(all.server.rows[0]?.draft.comment, "seen");
  const elsewhere = await openPage({ ...all, factory: new IDBFactory() });
  assert.equal(elsewhere.reading.answer.comment, "seen");
});

test("going on offline works as far as the reads in memory go, and all of it arrives", async () => {
  const all = world();
  const { reading, outbox } = await openPage(all);
  all.server.away = new Problem({ status: 0, code: "offline" });
  for (let n = 0; n < 3; n += 1) {
    await label(reading);
    await settle();
  }
  assert.equal(table(reading), "failed");
  await all.time.pass(30_000);
  assert.equal((await outbox.standing()).waiting, 3);
  all.server.away = null;
  await outbox.resume();
  await all.time.pass(70_000);
  assert.equal(all.server.rows.filter(({ state }) => state === "submitted").length, 3);
  await reading.next();
  assert.equal(table(reading), "reading r3");
});

test("discarding and skipping go the same safe way", async () => {
  const all = world();
  const { reading } = await openPage(all);
  await reading.discard("blur");
  await settle();
  await reading.skip("later");
  await all.time.pass(12_000);
  assert.equal(all.server.rows[0]?.answer.discard_reason, "blur");
  assert.ok(all.server.log.includes("skip r1"));
});

test("two quick Enters submit one read, not two", async () => {
  const all = world();
  const { reading } = await openPage(all);
  reading.change(toggleClass(reading.answer, GLANDS, "stroma"));
  await Promise.all([reading.submit(), reading.submit()]);
  await all.time.pass(20_000);
  assert.equal(all.server.rows.filter(({ state }) => state === "submitted").length, 1);
  assert.equal(table(reading), "reading r1");
});

test("only reads that nobody has touched go back when the page is left", async () => {
  const { reading } = await openPage(world());
  assert.deepEqual(reading.untouched().map(({ id }) => id), ["r0", "r1", "r2"]);
  reading.change({ ...reading.answer, comment: "x" });
  assert.deepEqual(reading.untouched().map(({ id }) => id), ["r1", "r2"]);
});

test("steps of undoing and of doing again outlive a reload, once the server has the draft, too", async () => {
  const all = world();
  const before = await openPage(all);
  for (const comment of ["a", "ab", "abc"]) before.reading.change({ ...before.reading.answer, comment });
  await before.reading.undo();
  await all.time.pass(5000);
  assert.equal(all.server.rows[0]?.draft.comment, "ab");
  all.server.rows[0].draft = Object.fromEntries(Object.entries(all.server.rows[0].draft).reverse()); // as a database may
  const { reading } = await openPage(all);
  assert.equal(reading.answer.comment, "ab");
  assert.ok(reading.redo());
  assert.equal(reading.answer.comment, "abc");
  for (const comment of ["ab", "a", ""]) {
    await reading.undo();
    assert.equal(reading.answer.comment, comment);
  }
  assert.equal(await reading.undo(), false);
});

test("a draft that came from another computer since has no steps to undo", async () => {
  const all = world();
  const { reading } = await openPage(all);
  reading.change({ ...reading.answer, comment: "here" });
  await all.time.pass(5000);
  const row = all.server.rows[0];
  if (row) row.draft = { ...row.draft, comment: "there" };
  const after = await openPage(all);
  assert.equal(after.reading.answer.comment, "there");
  assert.equal(await after.reading.undo(), false);
});

test("the shape that was being drawn is there again after a crash, and gone once it was given up", async () => {
  const all = world();
  const before = await openPage(all);
  const drawing = { tool: "polygon", points: [{ x: 1, y: 2 }, { x: 3, y: 4 }] };
  before.reading.begin(drawing);
  assert.deepEqual(before.reading.untouched().map(({ id }) => id), ["r1", "r2"]);
  await all.time.pass(500); // less than a second later the browser is gone
  const crashed = await openPage(all);
  assert.deepEqual(crashed.reading.store.state.drawing, drawing);
  crashed.reading.begin(null);
  await all.time.pass(500);
  assert.equal((await openPage(all)).reading.store.state.drawing, null);
});

test("taking everything back is kept like any other change", async () => {
  const all = world();
  const { reading } = await openPage(all);
  reading.change({ ...reading.answer, comment: "x" });
  await all.time.pass(500);
  await reading.undo();
  await all.time.pass(5000);
  assert.equal(all.server.rows[0]?.draft.comment, "");
  const after = await openPage(all);
  assert.equal(after.reading.answer.comment, "");
  assert.ok(after.reading.redo());
});

test("an own answer that was taken up again comes before what lies on the table, with what was said", async () => {
  const all = world();
  const { reading } = await openPage(all);
  reading.change({ ...reading.answer, comment: "half" });
  await reading.takeUp({ id: "r4", rev: 1, state: "leased", lease_until: null, pixels_url: "/r4", progress: null, draft: { ...toWire(reading.answer, { active: 0, idle: 0 }), comment: "earlier" } });
  assert.deepEqual([table(reading), reading.answer.comment], ["reading r4", "earlier"]);
  await label(reading);
  await settle();
  assert.deepEqual([table(reading), reading.answer.comment], ["reading r0", "half"]);
});

test("an image that somebody else has now leaves the table, and nothing more is written about it", async () => {
  const all = world();
  const { reading, journal } = await openPage(all);
  reading.change({ ...reading.answer, comment: "half" });
  await reading.saveDraft();
  await reading.letGo();
  assert.equal(table(reading), "reading r1");
  assert.deepEqual((await journal.mine()).map(({ read, kind }) => `${kind} ${read}`), ["draft r0"]);
});
