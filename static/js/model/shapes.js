// @ts-check
/**
 * Boxes, polygons and points as values: made, moved, reshaped, found and described. Pure.
 *
 * @typedef {import("./types.js").Box} Box
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./types.js").Shape} Shape
 * @typedef {import("./types.js").ShapeKind} ShapeKind
 * @typedef {import("./types.js").Size} Size
 * @typedef {{name: string, at: Point}} Handle
 */

import {
  boundsOfPoints, boxFromCorners, clamp, clampBox, clampPoint, crossesItself, distance, isInBox, isInPolygon, polygonArea,
} from "./geometry.js";

/** The smallest side of a box, in image pixels. */
export const SMALLEST_SIDE = 1;

/** Of a polygon; the server takes no more. */
export const MOST_CORNERS = 1000;

/** @type {Record<ShapeKind, string>} */
export const KIND_TITLES = { box: "Box", polygon: "Polygon", point: "Point" };

/**
 * @param {Shape} shape
 * @returns {Box}
 */
export function boundsOf(shape) {
  if (shape.kind === "box") return shape.geometry;
  if (shape.kind === "polygon") return boundsOfPoints(shape.geometry.points);
  return { ...shape.geometry, width: 0, height: 0 };
}

/**
 * A shape of ordinary size around a point, for placing shapes without a pointer.
 *
 * @param {ShapeKind} kind
 * @param {string} classKey
 * @param {Point} at
 * @param {Size} size of the image
 * @param {string} id
 * @returns {Shape}
 */
export function defaultShape(kind, classKey, at, size, id) {
  const side = Math.max(SMALLEST_SIDE, Math.min(size.width, size.height) / 4);
  const around = clampBox({ x: at.x - side / 2, y: at.y - side / 2, width: side, height: side }, size);
  if (kind === "box") return { id, kind, class: classKey, geometry: around };
  if (kind === "point") return { id, kind, class: classKey, geometry: clampPoint(at, size) };
  return { id, kind, class: classKey, geometry: { points: cornersOf(around).map(({ x, y }) => [x, y]) } };
}

/** @param {Box} box */
function cornersOf({ x, y, width, height }) {
  return [
    { x, y },
    { x: x + width, y },
    { x: x + width, y: y + height },
    { x, y: y + height },
  ];
}

/**
 * Moves a whole shape, as far as the image goes.
 *
 * @template {Shape} S
 * @param {S} shape
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 * @returns {S}
 */
export function moveShape(shape, dx, dy, size) {
  const bounds = boundsOf(shape);
  const x = clamp(dx, -bounds.x, size.width - bounds.x - bounds.width);
  const y = clamp(dy, -bounds.y, size.height - bounds.y - bounds.height);
  if (shape.kind === "polygon") {
    const points = shape.geometry.points.map(([px, py]) => [px + x, py + y]);
    return /** @type {S} */ ({ ...shape, geometry: { points } });
  }
  const geometry = { ...shape.geometry, x: shape.geometry.x + x, y: shape.geometry.y + y };
  return /** @type {S} */ ({ ...shape, geometry });
}

/**
 * Grows or shrinks a shape from its top left corner, for the keyboard.
 *
 * @param {Shape} shape
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 * @returns {Shape}
 */
export function growShape(shape, dx, dy, size) {
  if (shape.kind === "point") return shape;
  const old = boundsOf(shape);
  const width = clamp(old.width + dx, SMALLEST_SIDE, size.width - old.x);
  const height = clamp(old.height + dy, SMALLEST_SIDE, size.height - old.y);
  if (shape.kind === "box") return { ...shape, geometry: { ...old, width, height } };
  const sx = old.width > 0 ? width / old.width : 1;
  const sy = old.height > 0 ? height / old.height : 1;
  /** @type {[number, number][]} */
  const points = shape.geometry.points.map(([x, y]) => [old.x + (x - old.x) * sx, old.y + (y - old.y) * sy]);
  return { ...shape, geometry: { points } };
}

/**
 * The places where a shape can be taken hold of; `move` stands in its middle.
 *
 * @param {Shape} shape
 * @returns {Handle[]}
 */
export function handlesOf(shape) {
  const { x, y, width, height } = boundsOf(shape);
  const middle = { name: "move", at: { x: x + width / 2, y: y + height / 2 } };
  if (shape.kind === "point") return [middle];
  if (shape.kind === "polygon") {
    return [middle, ...shape.geometry.points.map(([px, py], index) => ({ name: `v${index}`, at: { x: px, y: py } }))];
  }
  const [nw, ne, se, sw] = /** @type {[Point, Point, Point, Point]} */ (cornersOf(shape.geometry));
  return [middle, { name: "nw", at: nw }, { name: "ne", at: ne }, { name: "se", at: se }, { name: "sw", at: sw }];
}

/**
 * The shape after one of its handles was put somewhere else.
 *
 * @param {Shape} shape
 * @param {string} handle a name from `handlesOf`
 * @param {Point} to
 * @param {Size} size
 * @returns {Shape}
 */
export function dragHandle(shape, handle, to, size) {
  const target = clampPoint(to, size);
  if (handle === "move") {
    const from = /** @type {Handle} */ (handlesOf(shape)[0]).at;
    return moveShape(shape, to.x - from.x, to.y - from.y, size);
  }
  if (shape.kind === "polygon") {
    const moved = Number(handle.slice(1));
    /** @type {[number, number][]} */
    const points = shape.geometry.points.map((point, index) => (index === moved ? [target.x, target.y] : point));
    return { ...shape, geometry: { points } };
  }
  if (shape.kind === "point") return { ...shape, geometry: target };
  const [nw, ne, se, sw] = /** @type {[Point, Point, Point, Point]} */ (cornersOf(shape.geometry));
  const opposite = { nw: se, ne: sw, se: nw, sw: ne }[handle] ?? nw;
  const box = boxFromCorners(opposite, target);
  const geometry = { ...box, width: Math.max(box.width, SMALLEST_SIDE), height: Math.max(box.height, SMALLEST_SIDE) };
  return { ...shape, geometry: clampBox(geometry, size) };
}

/**
 * The topmost shape under a point, or null.
 *
 * @param {Shape[]} shapes drawn in this order
 * @param {Point} point
 * @param {number} slack image pixels
 */
export function shapeAt(shapes, point, slack) {
  return shapes.findLast((shape) => hits(shape, point, slack)) ?? null;
}

/**
 * @param {Shape} shape
 * @param {Point} point
 * @param {number} slack
 */
function hits(shape, point, slack) {
  if (shape.kind === "point") return distance(shape.geometry, point) <= 2 * slack;
  if (shape.kind === "box") return isInBox(point, shape.geometry, slack);
  return isInPolygon(point, shape.geometry.points);
}

/**
 * What keeps a shape from being used, in words; null when nothing does.
 *
 * @param {Shape} shape
 */
export function shapeFault(shape) {
  if (shape.kind === "box") {
    const { width, height } = shape.geometry;
    return width < SMALLEST_SIDE || height < SMALLEST_SIDE ? "The box is too small." : null;
  }
  if (shape.kind === "polygon") {
    const { points } = shape.geometry;
    if (points.length > MOST_CORNERS) return `A polygon has at most ${MOST_CORNERS} corners; this one has ${points.length}.`;
    if (points.length < 3) return "A polygon needs at least three corners.";
    if (crossesItself(points)) return "The outline of the polygon crosses itself.";
    if (polygonArea(points) < SMALLEST_SIDE) return "The polygon is too small.";
  }
  return null;
}

/**
 * Where a shape lies, for people who do not see it: "upper left, 12 × 9 px".
 *
 * @param {Shape} shape
 * @param {Size} size
 */
export function describePlace(shape, size) {
  if (shape.kind === "point") return describePoint(shape.geometry, size);
  const { x, y, width, height } = boundsOf(shape);
  const place = placeOf({ x: x + width / 2, y: y + height / 2 }, size);
  return `${place}, ${Math.round(width)} × ${Math.round(height)} px`;
}

/**
 * The same with the place to the pixel, for moving a shape by ear.
 *
 * @param {Shape} shape
 * @param {Size} size
 */
export function describeExactly(shape, size) {
  const { x, y } = boundsOf(shape);
  const place = describePlace(shape, size);
  return shape.kind === "point" ? place : `${place} at ${Math.round(x)}, ${Math.round(y)}`;
}

/**
 * @param {Point} point
 * @param {Size} size
 */
export function describePoint(point, size) {
  return `${placeOf(point, size)}, at ${Math.round(point.x)}, ${Math.round(point.y)} px`;
}

/**
 * @param {Point} point
 * @param {Size} size
 */
function placeOf({ x, y }, size) {
  const row = third(y / size.height, "upper", "middle", "lower");
  const column = third(x / size.width, "left", "centre", "right");
  return row === "middle" && column === "centre" ? "centre" : `${row} ${column}`;
}

/**
 * @param {number} share
 * @param {string} first
 * @param {string} second
 * @param {string} last
 */
function third(share, first, second, last) {
  if (share < 1 / 3) return first;
  return share > 2 / 3 ? last : second;
}
