// @ts-check
/**
 * Measured curves as groups of columns for plots. Pure.
 *
 * @typedef {Record<string, [number, number][]>} Curves name → [step, value] in the order of steps
 * @typedef {{title: string, unit: string, names: string[]}} PlotGroup
 */

/** @type {{title: string, unit: string, has: (name: string) => boolean}[]} what is shown first, and together */
const GROUPS = [
  { title: "Losses", unit: "loss", has: (name) => name.endsWith("_loss") },
  { title: "Distance to unseen training images (lower is nearer)", unit: "KID on pixels", has: (name) => name === "monitor_kid_pixels" },
  { title: "Variety beside the real images (1 is as varied)", unit: "ratio", has: (name) => name === "diversity_ratio" },
  { title: "Discriminator: seen minus unseen (grows when it learns by heart)", unit: "score", has: (name) => name === "d_overfit_gap" },
  { title: "Discriminator: mean score of real and of generated images", unit: "score", has: (name) => name === "d_real" || name === "d_fake" },
  { title: "Speed", unit: "images per s", has: (name) => name === "images_per_s" },
];

/**
 * Which curves share a plot; a name nobody knows gets a plot of its own.
 *
 * @param {string[]} names
 * @returns {PlotGroup[]}
 */
export function plotGroups(names) {
  const known = GROUPS.map(({ title, unit, has }) => ({ title, unit, names: names.filter(has) }));
  const others = names.filter((name) => !GROUPS.some(({ has }) => has(name)));
  const own = others.map((name) => ({ title: name.replaceAll("_", " "), unit: "", names: [name] }));
  return [...known.filter((group) => group.names.length > 0), ...own];
}

/**
 * The steps of all named curves, then one column a name; null where nothing was measured.
 *
 * @param {Curves} curves
 * @param {string[]} names
 * @returns {(number | null)[][]}
 */
export function columnsOf(curves, names) {
  const chosen = names.map((name) => new Map(curves[name] ?? []));
  const steps = [...new Set(chosen.flatMap((values) => [...values.keys()]))].sort((a, b) => a - b);
  return [steps, ...chosen.map((values) => steps.map((step) => values.get(step) ?? null))];
}
