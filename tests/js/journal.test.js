// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory } from "fake-indexeddb";

import { toWire, emptyAnswer } from "../../static/js/model/answer.js";
import { Journal } from "../../static/js/state/journal.js";
import { openShelf } from "../../static/js/state/shelf.js";

const ANSWER = toWire(emptyAnswer(), { active: 0, idle: 0 });

/** @param {string} user @param {IDBFactory | undefined} factory @param {() => number} [now] */
async function journalOf(user, factory, now = () => 1000) {
  let keys = 0;
  return new Journal(await openShelf(factory), { user, study: "s", now, newKey: () => `${user}-${now()}-${(keys += 1)}` });
}

test("entries are there after the page was closed, in the order they were made", async () => {
  const factory = new IDBFactory();
  const before = await journalOf("ann", factory);
  for (const read of ["c", "a", "b"]) await before.keepFinal("submit", read, 1, ANSWER);
  const after = await journalOf("ann", factory, () => 2000);
  assert.ok(after.keeps);
  assert.deepEqual((await after.mine()).map(({ read }) => read), ["c", "a", "b"]);
});

test("an entry belongs to its person and is only counted for others", async () => {
  const factory = new IDBFactory();
  const ann = await journalOf("ann", factory);
  await ann.keepFinal("submit", "r1", 1, ANSWER);
  await ann.keepDraft("r2", 1, ANSWER);
  const ben = await journalOf("ben", factory);
  assert.deepEqual(await ben.mine(), []);
  assert.equal(await ben.countOthers(), 1);
  assert.equal(await ann.countOthers(), 0);
});

test("a read has one draft, and its submission takes the place of it", async () => {
  const journal = await journalOf("ann", new IDBFactory());
  const first = await journal.keepDraft("r", 1, ANSWER);
  const second = await journal.keepDraft("r", 1, { ...ANSWER, comment: "later" });
  assert.notEqual(first.key, second.key);
  assert.equal((await journal.mine()).length, 1);
  await journal.remove(first); // its acknowledgement comes late: the newer draft stays
  assert.equal((await journal.mine()).length, 1);
  await journal.keepFinal("submit", "r", 1, ANSWER);
  assert.deepEqual((await journal.mine()).map(({ kind }) => kind), ["submit"]);
});

test("an entry can be taken back until it is due, and not after", async () => {
  let now = 1000;
  const journal = await journalOf("ann", new IDBFactory(), () => now);
  const early = await journal.keepFinal("submit", "r1", 1, ANSWER, 5000);
  assert.equal(await journal.take(early), true);
  assert.equal(await journal.take(early), false);
  const late = await journal.keepFinal("submit", "r2", 1, ANSWER, 5000);
  now = 6000;
  assert.equal(await journal.take(late), false);
  assert.deepEqual((await journal.mine()).map(({ read }) => read), ["r2"]);
});

test("a browser without a database works, and says that it keeps nothing", async () => {
  const journal = await journalOf("ann", undefined);
  await journal.keepFinal("submit", "r", 1, ANSWER);
  assert.equal(journal.keeps, false);
  assert.equal((await journal.mine()).length, 1);
});

test("what only this page has is kept with the draft, goes with the answer, and with its person when they log out", async () => {
  const factory = new IDBFactory();
  const desk = { answer: emptyAnswer(), steps: { past: [], future: [emptyAnswer()] }, drawing: null };
  const ann = await journalOf("ann", factory);
  await ann.keepDraft("r1", 1, ANSWER, desk);
  await ann.keepDraft("r2", 1, ANSWER, desk);
  const ben = await journalOf("ben", factory);
  await ben.keepDraft("r1", 1, ANSWER, desk);
  assert.equal((await ann.deskOf("r1"))?.steps.future.length, 1);
  await ann.keepFinal("submit", "r1", 1, ANSWER);
  assert.equal(await ann.deskOf("r1"), undefined);
  assert.ok(await ben.deskOf("r1"));
  await ann.clearDesks(true);
  assert.deepEqual([await ann.deskOf("r2"), (await ben.deskOf("r1"))?.drawing], [undefined, null]);
  const later = await journalOf("ann", factory, () => 15 * 86_400_000);
  await later.clearDesks();
  assert.equal(await ben.deskOf("r1"), undefined, "nobody came back to it for two weeks");
});

test("a journal of the first layout is opened with its answers", async () => {
  const factory = new IDBFactory();
  await new Promise((resolve, reject) => {
    const request = factory.open("synthlab-journal", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("entries", { keyPath: "id" }).put({ id: "e", key: "k", user: "ann", order: 1, kind: "submit", state: "waiting" });
    request.onsuccess = () => resolve(request.result.close());
    request.onerror = () => reject(request.error);
  });
  const journal = await journalOf("ann", factory);
  assert.deepEqual((await journal.mine()).map(({ id }) => id), ["e"]);
  await journal.keepDraft("r", 1, ANSWER, { answer: emptyAnswer(), steps: { past: [], future: [] }, drawing: null });
  assert.ok(await journal.deskOf("r"));
});
