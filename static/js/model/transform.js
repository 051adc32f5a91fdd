// @ts-check
/**
 * Where the image stands on the screen: screen = image × scale + offset. Pure.
 *
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./types.js").Size} Size
 * @typedef {import("./types.js").View} View
 */

import { clamp } from "./geometry.js";

export const SMALLEST_SCALE = 0.05;
export const LARGEST_SCALE = 80;

/**
 * @param {View} view
 * @param {Point} point in image pixels
 * @returns {Point} in screen pixels
 */
export function toScreen(view, point) {
  return { x: point.x * view.scale + view.x, y: point.y * view.scale + view.y };
}

/**
 * @param {View} view
 * @param {Point} point in screen pixels
 * @returns {Point} in image pixels
 */
export function toImage(view, point) {
  return { x: (point.x - view.x) / view.scale, y: (point.y - view.y) / view.scale };
}

/**
 * The whole image, as large as it goes, in the middle.
 *
 * @param {Size} image
 * @param {Size} screen
 * @param {number} [margin] screen pixels kept free on every side
 * @returns {View}
 */
export function fitView(image, screen, margin = 24) {
  const room = { width: screen.width - 2 * margin, height: screen.height - 2 * margin };
  const scale = Math.min(room.width / image.width, room.height / image.height);
  return centred(image, screen, clamp(scale, SMALLEST_SCALE, LARGEST_SCALE));
}

/**
 * The image in the middle at a given scale; 1 shows one image pixel as one screen pixel.
 *
 * @param {Size} image
 * @param {Size} screen
 * @param {number} scale
 * @returns {View}
 */
export function centred(image, screen, scale) {
  return {
    scale,
    x: (screen.width - image.width * scale) / 2,
    y: (screen.height - image.height * scale) / 2,
  };
}

/**
 * Zooms by a factor; the image point under `anchor` stays where it is.
 *
 * @param {View} view
 * @param {number} factor
 * @param {Point} anchor in screen pixels
 * @returns {View}
 */
export function zoomAt(view, factor, anchor) {
  const scale = clamp(view.scale * factor, SMALLEST_SCALE, LARGEST_SCALE);
  const ratio = scale / view.scale;
  return {
    scale,
    x: anchor.x - (anchor.x - view.x) * ratio,
    y: anchor.y - (anchor.y - view.y) * ratio,
  };
}

/**
 * @param {View} view
 * @param {number} dx screen pixels
 * @param {number} dy screen pixels
 * @returns {View}
 */
export function panBy(view, dx, dy) {
  return { scale: view.scale, x: view.x + dx, y: view.y + dy };
}

/**
 * Keeps a part of the image in sight, so that it cannot be lost by panning.
 *
 * @param {View} view
 * @param {Size} image
 * @param {Size} screen
 * @param {number} [keep] screen pixels that stay visible
 * @returns {View}
 */
export function keepInSight(view, image, screen, keep = 48) {
  const width = image.width * view.scale;
  const height = image.height * view.scale;
  const x = Math.min(keep, width);
  const y = Math.min(keep, height);
  return {
    scale: view.scale,
    x: clamp(view.x, x - width, screen.width - x),
    y: clamp(view.y, y - height, screen.height - y),
  };
}
