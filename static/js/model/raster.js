// @ts-check
/**
 * Raw samples as the server sends them: row by row, channels together, 16 bits little-endian. Pure.
 *
 * @typedef {import("./types.js").Raster} Raster
 */

/** The pixels that came do not fit what their headers say. */
export class BadPixels extends Error {}

/**
 * @param {ArrayBuffer} buffer
 * @param {{get(name: string): string | null}} headers
 * @returns {Raster}
 */
export function readRaster(buffer, headers) {
  const width = numberFrom(headers, "X-Image-Width");
  const height = numberFrom(headers, "X-Image-Height");
  const channels = numberFrom(headers, "X-Image-Channels");
  const bits = numberFrom(headers, "X-Image-Bits");
  if (channels !== 1 && channels !== 3) throw new BadPixels(`unknown number of channels: ${channels}`);
  if (bits !== 8 && bits !== 16) throw new BadPixels(`unknown bit depth: ${bits}`);
  const expected = width * height * channels * (bits / 8);
  if (buffer.byteLength !== expected) {
    throw new BadPixels(`${buffer.byteLength} bytes came, ${expected} were announced`);
  }
  const samples = bits === 8 ? new Uint8Array(buffer) : littleEndian(buffer);
  return { width, height, channels, bits, samples };
}

/**
 * @param {{get(name: string): string | null}} headers
 * @param {string} name
 */
function numberFrom(headers, name) {
  const value = Number(headers.get(name));
  if (!Number.isInteger(value) || value < 1) throw new BadPixels(`${name} is missing or wrong`);
  return value;
}

/** @param {ArrayBuffer} buffer */
function littleEndian(buffer) {
  const isLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  if (isLittle) return new Uint16Array(buffer);
  const view = new DataView(buffer);
  return Uint16Array.from({ length: buffer.byteLength / 2 }, (_, index) => view.getUint16(2 * index, true));
}

/**
 * Samples through a lookup table into the RGBA bytes of a canvas.
 *
 * @param {Raster} raster
 * @param {Uint8ClampedArray} table (2^bits,)
 * @param {Uint8ClampedArray} rgba (height × width × 4), written in place
 */
export function paint(raster, table, rgba) {
  const { samples, channels } = raster;
  const green = channels === 3 ? 1 : 0;
  const blue = channels === 3 ? 2 : 0;
  for (let from = 0, to = 0; from < samples.length; from += channels, to += 4) {
    rgba[to] = table[samples[from] ?? 0] ?? 0;
    rgba[to + 1] = table[samples[from + green] ?? 0] ?? 0;
    rgba[to + 2] = table[samples[from + blue] ?? 0] ?? 0;
    rgba[to + 3] = 255;
  }
}

/**
 * The sample values under an image point, for the status line.
 *
 * @param {Raster} raster
 * @param {{x: number, y: number}} point
 * @returns {number[] | null} one value a channel; null outside the image
 */
export function samplesAt(raster, point) {
  const column = Math.floor(point.x);
  const row = Math.floor(point.y);
  if (column < 0 || row < 0 || column >= raster.width || row >= raster.height) return null;
  const start = (row * raster.width + column) * raster.channels;
  return Array.from(raster.samples.subarray(start, start + raster.channels));
}
