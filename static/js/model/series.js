// @ts-check
/**
 * Measured curves as groups of columns for plots. Pure.
 *
 * @typedef {Record<string, [number, number][]>} Curves name → [step, value] in the order of steps
 * @typedef {{title: string, unit: string, names: string[]}} PlotGroup
 */

/** @type {{title: string, unit: string, has: (name: string) => boolean}[]} what is shown first, and together */
const GROUPS = [
  { title: "Losses (a discriminator's hinge loss that stays at 2 tells nothing apart)", unit: "loss", has: (name) => name.endsWith("_loss") },
  { title: "Distance to unseen training images (lower is nearer)", unit: "KID on pixels", has: (name) => name === "monitor_kid_pixels" },
  { title: "Variety beside the real images (1 is as varied)", unit: "ratio", has: (name) => name === "diversity_ratio" },
  { title: "Discriminator: seen minus unseen (grows when it learns by heart)", unit: "score", has: (name) => name === "d_overfit_gap" },
  { title: "Discriminator: mean score of real and of generated images", unit: "score", has: (name) => name === "d_real" || name === "d_fake" },
  { title: "Speed", unit: "images per s", has: (name) => name === "images_per_s" },
  { title: "Most memory so far", unit: "MiB", has: (name) => name === "peak_memory_mib" },
];

/**
 * Which curves share a plot; a name nobody knows gets a plot of its own.
 *
 * @param {string[]} names
 * @returns {PlotGroup[]}
 */
export function plotGroups(names) {
  const known = GROUPS.map(({ title, unit, has }) => ({ title, unit, names: names.filter((name) => has(measureOf(name))) }));
  const others = names.filter((name) => !GROUPS.some(({ has }) => has(measureOf(name))));
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

const MONITOR = "monitor_kid_pixels";
const PARENT = " (parent)";
const BEST = " (best so far)";

/** What was measured, whoever's it is. @param {string} name */
function measureOf(name) {
  for (const suffix of [PARENT, BEST]) if (name.endsWith(suffix)) return name.slice(0, -suffix.length);
  return name;
}

/**
 * The curves with the run's best distance so far beside it, and those of the run it was cloned from.
 *
 * @param {Curves} curves
 * @param {Curves} parent
 * @returns {Curves}
 */
export function beside(curves, parent) {
  const monitor = curves[MONITOR];
  const best = monitor ? { [MONITOR + BEST]: bestSoFar(monitor) } : {};
  const others = Object.entries(parent).filter(([name]) => name in curves && name !== "images_per_s");
  return { ...curves, ...best, ...Object.fromEntries(others.map(([name, points]) => [name + PARENT, points])) };
}

/**
 * The lowest value up to each step.
 *
 * @param {[number, number][]} points in the order of steps
 * @returns {[number, number][]}
 */
export function bestSoFar(points) {
  let best = Number.POSITIVE_INFINITY;
  return points.map(([step, value]) => [step, (best = Math.min(best, value))]);
}

/**
 * The newest numbers of a run, for people.
 *
 * @param {Curves} curves
 * @returns {{step: string, speed: string, memory: string, best: string}}
 */
export function newest(curves) {
  const last = (/** @type {string} */ name) => curves[name]?.at(-1);
  const [bestStep, best] = (curves[MONITOR] ?? []).reduce((low, point) => (point[1] < low[1] ? point : low), [0, Number.POSITIVE_INFINITY]);
  const memory = last("peak_memory_mib")?.[1];
  const speed = last("images_per_s")?.[1];
  return {
    step: (last("g_loss")?.[0] ?? 0).toLocaleString("en"),
    speed: speed === undefined ? "not measured yet" : `${speed.toPrecision(3)} images per s`,
    memory: memory === undefined ? "not measured yet" : `${(memory / 1024).toFixed(2)} GiB`,
    best: Number.isFinite(best) ? `${best.toPrecision(3)} at step ${bestStep.toLocaleString("en")}` : "not measured",
  };
}
