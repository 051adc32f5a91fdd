// @ts-check
/**
 * Brightness and contrast: which sample values are shown black and white. Pure.
 *
 * A table of 2^bits entries turns a sample into a grey level, so that changing the window costs one
 * table and one pass over the pixels, at 8 and at 16 bits alike.
 *
 * @typedef {import("./types.js").Raster} Raster
 * @typedef {import("./types.js").Window} Window
 */

import { clamp } from "./geometry.js";

/**
 * @param {8 | 16} bits
 * @returns {Window}
 */
export function fullWindow(bits) {
  return { low: 0, high: 2 ** bits - 1 };
}

/**
 * The window between two percentiles of the samples, by a histogram.
 *
 * @param {Raster} raster
 * @param {number} from percentile, 0–100
 * @param {number} to percentile, 0–100
 * @returns {Window}
 */
export function percentileWindow(raster, from, to) {
  const counts = new Uint32Array(2 ** raster.bits);
  for (const sample of raster.samples) counts[sample] = (counts[sample] ?? 0) + 1;
  const low = percentile(counts, raster.samples.length, from);
  const high = percentile(counts, raster.samples.length, to);
  return high > low ? { low, high } : fullWindow(raster.bits);
}

/**
 * @param {Uint32Array} counts
 * @param {number} total
 * @param {number} percent
 */
function percentile(counts, total, percent) {
  const wanted = Math.max(1, Math.ceil((total * percent) / 100));
  let seen = 0;
  for (let value = 0; value < counts.length; value += 1) {
    seen += counts[value] ?? 0;
    if (seen >= wanted) return value;
  }
  return counts.length - 1;
}

/**
 * What `[` and `]` step through. The first is what an image opens with.
 *
 * @type {{title: string, of: (raster: Raster) => Window}[]}
 */
export const PRESETS = [
  { title: "Full range", of: (raster) => fullWindow(raster.bits) },
  { title: "Darkest to brightest", of: (raster) => percentileWindow(raster, 0, 100) },
  { title: "Percentiles 1 to 99", of: (raster) => percentileWindow(raster, 1, 99) },
  { title: "Percentiles 5 to 95", of: (raster) => percentileWindow(raster, 5, 95) },
];

/**
 * The window an image opens with: 8-bit pictures as they are, 16-bit ones between their extremes,
 * since few of them use the whole range.
 *
 * @param {Raster} raster
 */
export function openingPreset(raster) {
  return raster.bits === 8 ? 0 : 1;
}

/**
 * @param {Window} window
 * @returns {{level: number, width: number}} the centre and the breadth
 */
export function levelAndWidth(window) {
  return { level: (window.low + window.high) / 2, width: window.high - window.low };
}

/**
 * @param {number} level
 * @param {number} width
 * @param {8 | 16} bits
 * @returns {Window} at least one value wide, with its centre inside the range
 */
export function windowOf(level, width, bits) {
  const top = 2 ** bits - 1;
  const half = clamp(width, 1, 2 * top) / 2;
  const centre = clamp(level, 0, top);
  return { low: centre - half, high: centre + half };
}

/**
 * @param {Window} window
 * @param {8 | 16} bits
 * @param {boolean} [isInverted] light for dark and dark for light
 * @returns {Uint8ClampedArray} (2^bits,) grey level of every sample value
 */
export function lookupTable(window, bits, isInverted = false) {
  const table = new Uint8ClampedArray(2 ** bits);
  const [from, to] = isInverted ? [window.high, window.low] : [window.low, window.high];
  const factor = (isInverted ? -255 : 255) / Math.max(Math.abs(to - from), 1e-9);
  for (let value = 0; value < table.length; value += 1) {
    table[value] = (value - from) * factor;
  }
  return table;
}
