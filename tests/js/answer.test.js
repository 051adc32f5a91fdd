// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  emptyAnswer, fromWire, isUntouched, missingFrom, missingFromServer, toggleClass, toWire, withoutShape, withShape,
} from "../../static/js/model/answer.js";
import { box, GLANDS, GLANDS_MANY } from "./schema.js";

const SPENT = { active: 1.23456, idle: 0 };

test("an empty answer cannot be submitted, and says so at the findings", () => {
  assert.ok(isUntouched(emptyAnswer()));
  assert.deepEqual(missingFrom(emptyAnswer(), GLANDS).map(({ field }) => field), ["classes"]);
});

test("a class that needs a box asks for it at the marks until there is one of that class", () => {
  const chosen = toggleClass(emptyAnswer(), GLANDS, "dab-positive");
  const [missing] = missingFrom(chosen, GLANDS);
  assert.equal(missing?.field, "regions");
  assert.match(missing?.text ?? "", /DAB-positive gland needs a box/);
  assert.deepEqual(missingFrom(withShape(chosen, box("a")), GLANDS), []);
  assert.equal(missingFrom(withShape(chosen, box("a", "stroma")), GLANDS).length, 1);
});

test("in a study of one class the marks follow a new choice that takes them, and go with one that does not", () => {
  const drawn = withShape(toggleClass(emptyAnswer(), GLANDS, "dab-positive"), box("a"));
  const negative = toggleClass(drawn, GLANDS, "dab-negative");
  assert.deepEqual(negative.classes, ["dab-negative"]);
  assert.deepEqual(negative.shapes.map((shape) => shape.class), ["dab-negative"]);
  assert.deepEqual(toggleClass(drawn, GLANDS, "stroma").shapes, []);
  assert.deepEqual(toggleClass(drawn, GLANDS, "dab-positive"), { ...emptyAnswer() });
});

test("in a study of many classes each keeps its own marks, and normal stands alone", () => {
  let answer = toggleClass(emptyAnswer(), GLANDS_MANY, "dab-positive");
  answer = withShape(answer, box("a"));
  answer = toggleClass(answer, GLANDS_MANY, "dab-negative");
  assert.deepEqual(answer.classes, ["dab-positive", "dab-negative"]);
  assert.equal(missingFrom(answer, GLANDS_MANY).length, 1);
  const normal = toggleClass(answer, GLANDS_MANY, "normal");
  assert.deepEqual([normal.classes, normal.shapes], [["normal"], []]);
  assert.deepEqual(toggleClass(normal, GLANDS_MANY, "stroma").classes, ["stroma"]);
});

test("what goes to the server comes back the same", () => {
  /** @type {import("../../static/js/model/types.js").Answer} */
  const answer = {
    classes: ["dab-positive"], confidence: 4, site: "colon", comment: "edge", flagged: true,
    shapes: [
      box("1"),
      { id: "2", kind: "polygon", class: "dab-positive", geometry: { points: [[0, 0], [5, 0], [5, 5]] } },
      { id: "3", kind: "point", class: "dab-positive", geometry: { x: 7, y: 8 } },
    ],
  };
  let next = 0;
  const wire = JSON.parse(JSON.stringify(toWire(answer, SPENT)));
  assert.ok(wire.regions.every((/** @type {object} */ region) => !("id" in region)));
  assert.equal(wire.active_seconds, 1.23);
  assert.deepEqual(fromWire(wire, () => String((next += 1))), answer);
});

test("rounding never pushes a box over the edge of the image", () => {
  const edge = { id: "e", kind: /** @type {const} */ ("box"), class: "dab-positive", geometry: { x: 10.005, y: 0.005, width: 53.995, height: 63.995 } };
  const geometry = /** @type {any} */ (toWire({ ...emptyAnswer(), shapes: [edge] }, SPENT).regions[0]?.geometry);
  assert.ok(geometry.x + geometry.width <= 64 && geometry.y + geometry.height <= 64, JSON.stringify(geometry));
});

test("a discarded answer carries no findings and no marks", () => {
  const drawn = withShape(toggleClass(emptyAnswer(), GLANDS, "dab-positive"), box("a"));
  const wire = toWire(drawn, { ...SPENT, discardReason: "blur" });
  assert.deepEqual([wire.decision, wire.discard_reason, wire.classes, wire.regions], ["discarded", "blur", [], []]);
  assert.deepEqual(withoutShape(drawn, "a").shapes, []);
});

test("what the server finds wrong stands at its field, with the mark that is meant", () => {
  assert.deepEqual(missingFromServer({
    "classes[0]": ["This class is not in the study's schema."], "regions[2].geometry.points": ["The outline of the polygon crosses or touches itself."],
    regions: ["At most 1000 regions."], site: ["This site is not in the study's schema."],
  }), [
    { field: "classes", text: "This class is not in the study's schema." },
    { field: "regions", text: "Mark 3: The outline of the polygon crosses or touches itself.", shape: 2 },
    { field: "regions", text: "At most 1000 regions." },
    { field: "other", text: "site: This site is not in the study's schema." },
  ]);
});

test("ten thousand corners, an outline that crosses itself and a polygon without area are named before anything is sent", () => {
  /** @param {[number, number][]} points */
  const faults = (points) => {
    const chosen = withShape(toggleClass(emptyAnswer(), GLANDS, "dab-positive"), box("a"));
    return missingFrom(withShape(chosen, { id: "p", kind: "polygon", class: "dab-positive", geometry: { points } }), GLANDS);
  };
  const many = Array.from({ length: 10_000 }, (_, index) => /** @type {[number, number]} */ ([Math.cos(index) * 9 + 10, Math.sin(index) * 9 + 10]));
  assert.deepEqual(faults(many), [{ field: "regions", text: "Mark 2: A polygon has at most 1000 corners; this one has 10000.", shape: 1 }]);
  assert.match(faults([[0, 0], [9, 9], [9, 0], [0, 9]])[0]?.text ?? "", /crosses itself/);
  assert.match(faults([[0, 0], [5, 5], [9, 9]])[0]?.text ?? "", /too small/);
  assert.deepEqual(faults([[0, 0], [9, 0], [9, 9]]), []);
});
