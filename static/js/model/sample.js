// @ts-check
/**
 * What is said of a sample at once: its words for who cannot see it, and the recipe beneath it. Pure.
 *
 * @typedef {{seed: number, count: number, truncation: number, class_key?: string}} Wish
 */

/** @param {Wish} wish */
export function describe({ seed, count, class_key }) {
  return `Grid of ${count} synthetic images${class_key ? ` of class ${class_key}` : ""}, seed ${seed}`;
}

/**
 * One line for each part of the recipe, in words.
 *
 * @param {Wish} wish
 * @param {string | null} header the recipe as the service states it, JSON
 * @returns {string}
 */
export function recipeOf({ seed, count, truncation, class_key }, header) {
  const { generator = "", dtype = "", encoder = "" } = parsed(header);
  return [
    `Seed ${seed}`,
    `images 0 to ${count - 1}`,
    ...(class_key ? [`class ${class_key}`] : []),
    `truncation ${truncation}`,
    ...(generator ? [`generator ${String(generator).slice(0, 12)}…`] : []),
    ...(dtype ? [String(dtype)] : []),
    ...(encoder ? [String(encoder)] : []),
  ].join(" · ");
}

/**
 * @param {string | null} header
 * @returns {Record<string, unknown>}
 */
function parsed(header) {
  try {
    const facts = JSON.parse(header ?? "");
    return facts !== null && typeof facts === "object" ? facts : {};
  } catch {
    return {};
  }
}
