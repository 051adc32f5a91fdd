// @ts-check
/**
 * Plane geometry in image pixels. Pure.
 *
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./types.js").Box} Box
 * @typedef {import("./types.js").Size} Size
 */

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), Math.max(low, high));
}

/**
 * @param {Point} point
 * @param {Size} size
 * @returns {Point}
 */
export function clampPoint(point, size) {
  return { x: clamp(point.x, 0, size.width), y: clamp(point.y, 0, size.height) };
}

/**
 * The box with these two opposite corners, in any order.
 *
 * @param {Point} a
 * @param {Point} b
 * @returns {Box}
 */
export function boxFromCorners(a, b) {
  return {
    x: Math.min(a.x, b.x),
    y: Math.min(a.y, b.y),
    width: Math.abs(a.x - b.x),
    height: Math.abs(a.y - b.y),
  };
}

/**
 * Moves a box into the image and makes it no larger than the image.
 *
 * @param {Box} box
 * @param {Size} size
 * @returns {Box}
 */
export function clampBox(box, size) {
  const width = clamp(box.width, 0, size.width);
  const height = clamp(box.height, 0, size.height);
  return {
    x: clamp(box.x, 0, size.width - width),
    y: clamp(box.y, 0, size.height - height),
    width,
    height,
  };
}

/**
 * @param {[number, number][]} points at least one
 * @returns {Box}
 */
export function boundsOfPoints(points) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/**
 * Area by the shoelace formula; never negative.
 *
 * @param {[number, number][]} points
 */
export function polygonArea(points) {
  let twice = 0;
  for (const [[ax, ay], [bx, by]] of edges(points)) twice += ax * by - bx * ay;
  return Math.abs(twice) / 2;
}

/**
 * The sides of a closed polygon.
 *
 * @param {[number, number][]} points
 * @returns {[[number, number], [number, number]][]}
 */
export function edges(points) {
  return points.map((point, index) => [point, points[(index + 1) % points.length] ?? point]);
}

/**
 * Even-odd rule.
 *
 * @param {Point} point
 * @param {[number, number][]} points
 */
export function isInPolygon(point, points) {
  let inside = false;
  for (const [[ax, ay], [bx, by]] of edges(points)) {
    const crosses = ay > point.y !== by > point.y;
    if (crosses && point.x < ((bx - ax) * (point.y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/**
 * @param {Point} point
 * @param {Box} box
 * @param {number} [slack] how far outside still counts
 */
export function isInBox(point, box, slack = 0) {
  return (
    point.x >= box.x - slack &&
    point.y >= box.y - slack &&
    point.x <= box.x + box.width + slack &&
    point.y <= box.y + box.height + slack
  );
}

/**
 * @param {Point} a
 * @param {Point} b
 */
export function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/**
 * True when two sides that are not neighbours cross: such an outline has no clear inside.
 *
 * @param {[number, number][]} points
 */
export function crossesItself(points) {
  const sides = edges(points);
  return sides.some((first, i) =>
    sides.some((second, j) => {
      const apart = Math.abs(i - j);
      return apart > 1 && apart < sides.length - 1 && cross(first, second);
    }),
  );
}

/**
 * @param {[[number, number], [number, number]]} first
 * @param {[[number, number], [number, number]]} second
 */
function cross([a, b], [c, d]) {
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

/**
 * @param {[number, number]} a
 * @param {[number, number]} b
 * @param {[number, number]} p
 */
function side(a, b, p) {
  return Math.sign((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]));
}
