// @ts-check
/** How two pictures differ, pixel by pixel. Pure. */

/** What a difference is multiplied with, so that small ones are seen. */
export const STRENGTH = 3;

/**
 * @param {Uint8ClampedArray} one RGBA
 * @param {Uint8ClampedArray} other RGBA, of the same size
 * @returns {{pixels: Uint8ClampedArray<ArrayBuffer>, mean: number}} the absolute differences, strengthened; their mean per sample before that
 */
export function differenceOf(one, other) {
  const pixels = new Uint8ClampedArray(one.length);
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) {
    if (at % 4 === 3) {
      pixels[at] = 255;
      continue;
    }
    const difference = Math.abs((one[at] ?? 0) - (other[at] ?? 0));
    sum += difference;
    pixels[at] = STRENGTH * difference;
  }
  return { pixels, mean: one.length ? sum / ((one.length * 3) / 4) : 0 };
}
