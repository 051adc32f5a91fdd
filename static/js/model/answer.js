// @ts-check
/**
 * The answer to one read: what was chosen and drawn, what is still missing, and its wire form. Pure.
 *
 * @typedef {import("./types.js").Answer} Answer
 * @typedef {import("./types.js").LabelClass} LabelClass
 * @typedef {import("./types.js").Schema} Schema
 * @typedef {import("./types.js").Shape} Shape
 * @typedef {import("./types.js").ShapeKind} ShapeKind
 * @typedef {import("./types.js").WireAnswer} WireAnswer
 * @typedef {import("./types.js").WireRegion} WireRegion
 * @typedef {{field: "classes" | "regions" | "other", text: string, shape?: number}} Missing `shape`: which mark, where one is meant
 */

import { KIND_TITLES, shapeFault } from "./shapes.js";

/** Of one answer; the server takes no more. */
const MOST_MARKS = 1000;

/** @type {ShapeKind[]} */
export const SHAPE_KINDS = ["box", "polygon", "point"];

/** @returns {Answer} */
export function emptyAnswer() {
  return { classes: [], shapes: [], confidence: null, site: null, comment: "", flagged: false };
}

/** @param {Answer} answer */
export function isUntouched(answer) {
  return (
    answer.classes.length === 0 && answer.shapes.length === 0 && answer.confidence === null &&
    answer.site === null && answer.comment === "" && !answer.flagged
  );
}

/**
 * @param {Schema} schema
 * @param {string | undefined} key
 * @returns {LabelClass | null}
 */
export function classOf(schema, key) {
  return schema.classes.find((one) => one.key === key) ?? null;
}

/**
 * @param {LabelClass | null} labelClass
 * @param {ShapeKind} kind
 * @returns {import("./types.js").RegionRule}
 */
export function ruleFor(labelClass, kind) {
  return labelClass?.region_kinds[kind] ?? "none";
}

/**
 * The first kind of shape that a class cannot do without and has not got yet.
 *
 * @param {Answer} answer
 * @param {LabelClass | null} labelClass
 * @returns {ShapeKind | null}
 */
export function missingKind(answer, labelClass) {
  const has = (/** @type {ShapeKind} */ kind) =>
    answer.shapes.some((shape) => shape.kind === kind && shape.class === labelClass?.key);
  return SHAPE_KINDS.find((kind) => ruleFor(labelClass, kind) === "required" && !has(kind)) ?? null;
}

/**
 * Chooses or unchooses a class. Where only one may stand, the shapes follow the new choice if it
 * allows them; shapes that no chosen class allows go (undo brings them back).
 *
 * @param {Answer} answer
 * @param {Schema} schema
 * @param {string} key
 * @returns {Answer}
 */
export function toggleClass(answer, schema, key) {
  const chosen = answer.classes.includes(key);
  if (schema.mode === "one") {
    const classes = chosen ? [] : [key];
    const shapes = chosen ? [] : answer.shapes.map((shape) => ({ ...shape, class: key }));
    return { ...answer, classes, shapes: allowedShapes(shapes, schema, classes) };
  }
  const classes = chosen ? answer.classes.filter((one) => one !== key) : besides(answer.classes, schema, key);
  return { ...answer, classes, shapes: allowedShapes(answer.shapes, schema, classes) };
}

/**
 * One more class; "normal" and "cannot assess" stand alone.
 *
 * @param {string[]} classes
 * @param {Schema} schema
 * @param {string} key
 */
function besides(classes, schema, key) {
  const isFinding = (/** @type {string} */ one) => (classOf(schema, one)?.kind ?? "finding") === "finding";
  return isFinding(key) ? [...classes.filter(isFinding), key] : [key];
}

/**
 * @param {Shape[]} shapes
 * @param {Schema} schema
 * @param {string[]} classes
 */
function allowedShapes(shapes, schema, classes) {
  return shapes.filter(
    (shape) => classes.includes(shape.class) && ruleFor(classOf(schema, shape.class), shape.kind) !== "none",
  );
}

/**
 * Adds a shape or replaces the one with its id.
 *
 * @param {Answer} answer
 * @param {Shape} shape
 * @returns {Answer}
 */
export function withShape(answer, shape) {
  const known = answer.shapes.some((one) => one.id === shape.id);
  const shapes = known
    ? answer.shapes.map((one) => (one.id === shape.id ? shape : one))
    : [...answer.shapes, shape];
  return { ...answer, shapes };
}

/**
 * @param {Answer} answer
 * @param {string} id
 * @returns {Answer}
 */
export function withoutShape(answer, id) {
  return { ...answer, shapes: answer.shapes.filter((one) => one.id !== id) };
}

/**
 * Everything that stands in the way of submitting, each with the field it belongs to.
 *
 * @param {Answer} answer
 * @param {Schema} schema
 * @returns {Missing[]}
 */
export function missingFrom(answer, schema) {
  if (answer.classes.length === 0) {
    return [{ field: "classes", text: "Choose a finding by its key, or discard the image." }];
  }
  /** @type {Missing[]} */
  const missing = [];
  for (const key of answer.classes) {
    const labelClass = classOf(schema, key);
    const kind = missingKind(answer, labelClass);
    if (kind) missing.push({ field: "regions", text: needText(labelClass?.title ?? key, kind) });
  }
  if (answer.shapes.length > MOST_MARKS) missing.push({ field: "regions", text: `At most ${MOST_MARKS} marks; these are ${answer.shapes.length}.` });
  for (const [index, shape] of answer.shapes.entries()) {
    const fault = shapeFault(shape);
    if (fault) missing.push({ field: "regions", text: answer.shapes.length > 1 ? `Mark ${index + 1}: ${fault}` : fault, shape: index });
  }
  return missing;
}

/**
 * What the server found wrong with an answer, each at its field.
 *
 * @param {Record<string, string[]>} fields texts by path, such as `regions[0].geometry.points`
 * @returns {Missing[]}
 */
export function missingFromServer(fields) {
  return Object.entries(fields).flatMap(([path, texts]) => texts.map((text) => {
    const [, name = "", index] = /^(\w+)(?:\[(\d+)\])?/.exec(path) ?? [];
    if (name === "classes") return { field: "classes", text };
    if (name !== "regions") return { field: "other", text: `${path}: ${text}` };
    return index === undefined ? { field: "regions", text } : { field: "regions", text: `Mark ${Number(index) + 1}: ${text}`, shape: Number(index) };
  }));
}

/** @type {Record<ShapeKind, string>} */
const HOW = {
  box: "drag or click two corners on the image, or place one by keys",
  polygon: "take the polygon tool and click its corners on the image",
  point: "click on the image, or place one by keys",
};

/**
 * @param {string} title
 * @param {ShapeKind} kind
 */
function needText(title, kind) {
  return `${title} needs a ${KIND_TITLES[kind].toLowerCase()}: ${HOW[kind]}.`;
}

/**
 * @param {Answer} answer
 * @param {{discardReason?: string | null, active: number, idle: number}} rest
 * @returns {WireAnswer}
 */
export function toWire(answer, { discardReason = null, active, idle }) {
  const discarded = discardReason !== null;
  return {
    decision: discarded ? "discarded" : "labelled",
    classes: discarded ? [] : answer.classes,
    discard_reason: discardReason,
    confidence: answer.confidence,
    site: answer.site,
    comment: answer.comment,
    regions: discarded ? [] : answer.shapes.map(toWireRegion),
    active_seconds: round(active),
    idle_seconds: round(idle),
    flag_second_opinion: answer.flagged,
  };
}

/**
 * @param {Shape} shape
 * @returns {WireRegion}
 */
function toWireRegion(shape) {
  const common = { kind: shape.kind, class: shape.class };
  if (shape.kind === "polygon") {
    return { ...common, geometry: { points: shape.geometry.points.map(([x, y]) => [round(x), round(y)]) } };
  }
  const { x, y } = shape.geometry;
  if (shape.kind === "point") return { ...common, geometry: { x: round(x), y: round(y) } };
  return { ...common, geometry: roundBox(shape.geometry) };
}

/**
 * Rounds the corners, not the sides: so a box that ends at the edge of the image still does.
 *
 * @param {import("./types.js").Box} box
 */
function roundBox({ x, y, width, height }) {
  const left = round(x);
  const top = round(y);
  return { x: left, y: top, width: round(round(x + width) - left), height: round(round(y + height) - top) };
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}

/**
 * Whether two answers say the same, whatever the order of their members and the time they took.
 *
 * @param {WireAnswer} one
 * @param {WireAnswer} other
 */
export function saysTheSame(one, other) {
  const words = (/** @type {WireAnswer} */ wire) => JSON.stringify(toWire(fromWire(wire, () => ""), { active: 0, idle: 0 }));
  return words(one) === words(other);
}

/**
 * A draft as the server or the journal kept it. Regions of kinds this page does not draw are left out.
 *
 * @param {WireAnswer | null} wire
 * @param {() => string} newId
 * @returns {Answer}
 */
export function fromWire(wire, newId) {
  if (!wire) return emptyAnswer();
  const regions = (wire.regions ?? []).filter(({ kind }) => SHAPE_KINDS.includes(/** @type {ShapeKind} */ (kind)));
  return {
    classes: [...(wire.classes ?? [])],
    shapes: regions.map((region) => /** @type {Shape} */ ({ ...region, id: newId() })),
    confidence: wire.confidence ?? null,
    site: wire.site || null,
    comment: wire.comment ?? "",
    flagged: wire.flag_second_opinion ?? false,
  };
}
