// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { MOST_CORNERS } from "../../static/js/model/shapes.js";
import { BoxTool } from "../../static/js/tools/box.js";
import { ExtremeTool } from "../../static/js/tools/extreme.js";
import { PolygonTool } from "../../static/js/tools/polygon.js";

/** What the stage gives to tools, with a record of what they did. */
function makeDesk() {
  /** @type {{shapes: any[], refused: string[], begun: [number, number][]}} */
  const seen = { shapes: [], refused: [], begun: [] };
  let ids = 0;
  /** @type {import("../../static/js/tools/tool.js").Desk} */
  const desk = {
    size: () => ({ width: 64, height: 48 }), slack: () => 1, shapes: () => [], selected: () => null, classFor: () => "gland",
    newId: () => `s${(ids += 1)}`, commit: (shape) => seen.shapes.push(shape), change: () => {}, select: () => {}, pan: () => {},
    adjustWindow: () => {}, redraw: () => {}, refuse: (why) => seen.refused.push(why),
    begun: (points) => {
      seen.begun = points.map(({ x, y }) => [x, y]);
    },
  };
  return { desk, seen };
}

/** @param {number} x @param {number} y */
const at = (x, y) => ({ image: { x, y }, screen: { x, y }, travelled: 0 });

/** @param {import("../../static/js/tools/tool.js").Tool} tool @param {number} x @param {number} y */
function click(tool, x, y) {
  tool.down(at(x, y));
  tool.up(at(x, y));
}

test("four outermost points in any order make their box", () => {
  const { desk, seen } = makeDesk();
  const tool = new ExtremeTool(desk);
  for (const [x, y] of [[30, 5], [50, 20], [31, 40], [10, 22]]) click(tool, x ?? 0, y ?? 0);
  assert.deepEqual(seen.shapes.map(({ kind, geometry }) => [kind, geometry]), [["box", { x: 10, y: 5, width: 40, height: 35 }]]);
  assert.deepEqual(seen.begun, []);
  assert.equal(tool.preview(), null);
});

test("points beside the image count as its edge, and points on one line make no box", () => {
  const { desk, seen } = makeDesk();
  const tool = new ExtremeTool(desk);
  for (const [x, y] of [[-9, 5], [70, 6], [31, -4], [10, 99]]) click(tool, x ?? 0, y ?? 0);
  assert.deepEqual(seen.shapes[0]?.geometry, { x: 0, y: 0, width: 64, height: 48 });
  for (const x of [1, 2, 3, 4]) click(tool, x, 7);
  assert.equal(seen.shapes.length, 1);
  assert.match(seen.refused[0] ?? "", /on one line/);
});

test("with keys: each press sets a point, Escape gives them up", () => {
  const { desk, seen } = makeDesk();
  const tool = new ExtremeTool(desk);
  tool.place(null);
  tool.place({ x: 1, y: 2 });
  assert.deepEqual(seen.begun, [[32, 24], [1, 2]]);
  assert.equal(tool.cancel(), true);
  assert.deepEqual([tool.cancel(), seen.begun], [false, []]);
});

test("a polygon tells its corners while it is drawn, and another one goes on with them", () => {
  const { desk, seen } = makeDesk();
  const before = new PolygonTool(desk);
  for (const [x, y] of [[5, 5], [30, 6]]) click(before, x ?? 0, y ?? 0);
  assert.deepEqual(seen.begun, [[5, 5], [30, 6]]);
  const after = new PolygonTool(desk);
  after.resume([{ x: 5, y: 5 }, { x: 30, y: 6 }]);
  click(after, 20, 30);
  after.place(null);
  assert.deepEqual(seen.shapes.map(({ geometry }) => geometry.points), [[[5, 5], [30, 6], [20, 30]]]);
});

test("a polygon takes as many corners as the server does, and says so", () => {
  const { desk, seen } = makeDesk();
  const tool = new PolygonTool(desk);
  tool.resume(Array.from({ length: MOST_CORNERS }, (_, index) => ({ x: (index * 7) % 64, y: (index * 5) % 48 })));
  click(tool, 61.5, 40.5);
  assert.match(seen.refused[0] ?? "", /at most 1000 corners/);
});

test("a box goes on from the corner that was set", () => {
  const { desk, seen } = makeDesk();
  const before = new BoxTool(desk);
  click(before, 4, 4);
  assert.deepEqual(seen.begun, [[4, 4]]);
  const after = new BoxTool(desk);
  after.resume([{ x: 4, y: 4 }]);
  click(after, 20, 14);
  assert.deepEqual(seen.shapes.map(({ geometry }) => geometry), [{ x: 4, y: 4, width: 16, height: 10 }]);
});
