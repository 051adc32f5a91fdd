// @ts-check
/**
 * The class mix of a batch as the form has it, as the REST API wants it: counts that sum to the images, or shares that
 * sum to 1. An even mix is not sent at all.
 *
 * @param {"even" | "shares" | "counts"} mode
 * @param {Record<string, number>} numbers per class: per cent, or images
 * @param {number} count images of the batch
 * @returns {{mix: Record<string, number> | null, said: string, fits: boolean}}
 */
export function mixOf(mode, numbers, count) {
  if (mode === "even") return { mix: null, said: "", fits: true };
  const sum = Object.values(numbers).reduce((total, number) => total + number, 0);
  if (mode === "counts") {
    return { mix: numbers, said: `The counts add up to ${sum}; the batch has ${count}.`, fits: sum === count };
  }
  const shares = Object.fromEntries(Object.entries(numbers).map(([key, number]) => [key, Number((number / 100).toFixed(8))]));
  return { mix: shares, said: `The shares add up to ${Number(sum.toFixed(3))} %; they have to make 100 %.`, fits: Math.abs(sum - 100) < 1e-4 };
}

/**
 * What an even mix looks like in whole images, the first classes one more where it does not come out even; in per cent
 * likewise, to a hundredth.
 *
 * @param {number} classes
 * @param {number} whole images, or 100
 * @param {number} step the smallest part
 */
export function evenly(classes, whole, step) {
  const parts = Math.round(whole / step);
  const each = Math.floor(parts / classes);
  return Array.from({ length: classes }, (_, place) => Number(((each + (place < parts % classes ? 1 : 0)) * step).toFixed(6)));
}
