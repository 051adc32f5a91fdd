// @ts-check
/** A bar of a round length, for images whose pixels have a known size. Pure. */

/** How long the bar may be on the screen, in screen pixels. */
const LONGEST = 160;

/**
 * The longest bar of 1, 2 or 5 times a power of ten that is not too long for the screen.
 *
 * @param {number} pixelSize side of an image pixel, in micrometres
 * @param {number} scale screen pixels for one image pixel
 * @returns {{pixels: number, text: string}} its length on the screen, and in words
 */
export function scaleBar(pixelSize, scale) {
  const most = (LONGEST * pixelSize) / scale;
  const power = 10 ** Math.floor(Math.log10(most));
  const micrometres = ([5, 2, 1].find((step) => step * power <= most) ?? 1) * power;
  return { pixels: (micrometres * scale) / pixelSize, text: lengthText(micrometres) };
}

/** @param {number} micrometres */
function lengthText(micrometres) {
  if (micrometres >= 1000) return `${short(micrometres / 1000)} mm`;
  return micrometres >= 1 ? `${short(micrometres)} µm` : `${short(micrometres * 1000)} nm`;
}

/** @param {number} value */
function short(value) {
  return Number(value.toPrecision(3)).toString();
}
