// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem } from "../../static/js/errors.js";
import { inBytes, MOST_FILES, toldOf, UploadList } from "../../static/js/model/upload.js";
import { Sending } from "../../static/js/state/sending.js";

const file = (/** @type {number} */ size, name = "x", lastModified = 0) => ({ name, size, lastModified });

/** @param {string[]} paths */
function listOf(...paths) {
  const list = new UploadList(1000);
  list.add(paths.map((path) => ({ path, file: file(10) })));
  return list;
}

/** A server that holds what came, and fails where it is told to. */
class FakeDoor {
  constructor() {
    /** @type {Set<number>} */
    this.came = new Set();
    /** @type {(place: number) => Problem | null} */
    this.fails = () => null;
    this.opened = 0;
    this.read = 0;
    /** @type {string[]} */
    this.log = [];
    this.size = 0;
  }

  /** @param {number[]} sizes */
  open = async (sizes) => {
    this.size = sizes.length;
    this.came.clear();
    return `upload ${(this.opened += 1)}`;
  };

  missing = async () => [...Array(this.size).keys()].filter((place) => !this.came.has(place));

  /** @type {import("../../static/js/state/sending.js").Door["put"]} */
  put = async (upload, place, _file, onSent) => {
    onSent(5);
    const problem = this.fails(place);
    this.log.push(`${upload}/${place}`);
    if (problem) throw problem;
    this.came.add(place);
  };

  finish = async () => {
    this.read += 1;
  };

  drop = async (/** @type {string} */ upload) => {
    this.log.push(`dropped ${upload}`);
  };

  pause = async () => undefined;
}

const away = new Problem({ status: 0, code: "offline", detail: "The connection was lost." });

test("everything is sent once and then read", async () => {
  const list = listOf("a", "b", "c", "d", "e");
  const door = new FakeDoor();
  assert.equal(await new Sending(list.entries, door, () => undefined).run(), true);
  assert.deepEqual([door.came.size, door.read, door.log.length], [5, 1, 5]);
  assert.deepEqual([list.sentBytes, list.count("sent")], [50, 5]);
});

test("a line that drops now and then costs the file another try, no more", async () => {
  const list = listOf("a", "b", "c");
  const door = new FakeDoor();
  let drops = 2;
  door.fails = (place) => (place === 1 && (drops -= 1) >= 0 ? away : null);
  assert.equal(await new Sending(list.entries, door, () => undefined).run(), true);
  assert.equal(door.log.filter((put) => put.endsWith("/1")).length, 3);
});

test("what came stays when the line is down, and going on sends only what is missing", async () => {
  const list = listOf("a", "b", "c", "d", "e", "f", "g", "h");
  const door = new FakeDoor();
  door.fails = (place) => (place >= 3 ? away : null);
  const sending = new Sending(list.entries, door, () => undefined);
  assert.equal(await sending.run(), false);
  assert.equal(door.read, 0);
  assert.ok(list.count("failed") > 0);
  assert.match(list.entries.find(({ state }) => state === "failed")?.problem ?? "", /connection was lost/);
  door.fails = () => null;
  door.log.length = 0;
  assert.equal(await sending.run(), true);
  assert.deepEqual(door.log.map((put) => Number(put.split("/")[1])).sort((a, b) => a - b), [3, 4, 5, 6, 7]);
  assert.deepEqual([door.opened, door.read], [1, 1]);
});

test("one file that is refused does not keep the others", async () => {
  const list = listOf("a", "b", "c", "d", "e");
  const door = new FakeDoor();
  door.fails = (place) => (place === 0 ? new Problem({ status: 422, code: "size_mismatch", detail: "It has changed." }) : null);
  assert.equal(await new Sending(list.entries, door, () => undefined).run(), false);
  assert.deepEqual([list.count("sent"), list.count("failed"), door.read], [4, 1, 0]);
});

test("cancelling drops what came and keeps the list", async () => {
  const list = listOf("a", "b", "c", "d");
  const door = new FakeDoor();
  /** @type {Sending} */
  const sending = new Sending(list.entries, door, () => undefined);
  door.put = async (_upload, place, _file, _onSent, signal) => {
    if (place === 0) await sending.cancel();
    if (signal.aborted) throw away;
  };
  assert.equal(await sending.run(), false);
  assert.deepEqual([door.log, door.read, list.entries.length], [["dropped upload 1"], 0, 4]);
});

test("an upload that the server has dropped begins anew", async () => {
  const list = listOf("a", "b");
  const door = new FakeDoor();
  door.fails = () => away;
  const sending = new Sending(list.entries, door, () => undefined);
  await sending.run();
  door.fails = () => null;
  const gone = /** @type {import("../../static/js/state/sending.js").Door} */ ({ ...door, missing: async () => null });
  sending.door = gone;
  assert.equal(await sending.run(), true);
  assert.equal(door.opened, 2);
});

test("limits are told before anything is sent", () => {
  const list = new UploadList(1000);
  list.add([{ path: "big", file: file(1001) }]);
  assert.match(list.obstacle, /1001 bytes are chosen; one upload takes 1000 bytes/);
  list.clear();
  list.add(Array.from({ length: MOST_FILES + 1 }, (_, n) => ({ path: `f${n}`, file: file(0) })));
  assert.match(list.obstacle, /10001 files/);
});

test("the same file is taken once, files of one name from two folders both, those of the system not at all", () => {
  const list = new UploadList(1000);
  const found = [
    { path: "a.png", file: file(1) }, { path: "a.png", file: file(1) }, { path: "a.png", file: file(2) },
    { path: "case/.DS_Store", file: file(1) }, { path: "__MACOSX/a.png", file: file(1) }, { path: "Thumbs.db", file: file(1) },
  ];
  assert.equal(list.add(found).length, 2);
  assert.equal(list.skipped, 3);
});

test("names stay here unless a table among the files speaks of them", () => {
  const pictures = listOf("Doe Jane/a.png", "b.png").entries;
  assert.deepEqual(toldOf(pictures, ""), {});
  assert.deepEqual(toldOf(pictures, "classes"), { classes: { 0: "Doe Jane" } });
  assert.deepEqual(toldOf(pictures, "patients"), { groups: { 0: "Doe Jane" } });
  const table = listOf("a.png", "labels.csv").entries;
  assert.deepEqual(toldOf(table, ""), { names: { 0: "a.png", 1: "labels.csv" } });
});

test("sizes in words", () => {
  assert.deepEqual([0, 1023, 1536, 200 * 1024, 3 * 1024 ** 3].map(inBytes), ["0 bytes", "1023 bytes", "1.5 KiB", "200 KiB", "3.0 GiB"]);
});
