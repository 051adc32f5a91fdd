// @ts-check
/**
 * How long a training will take, in words. Pure.
 *
 * @typedef {{
 *   name: string, steps: number | null, is_known: boolean, seconds?: number, seconds_low?: number, seconds_high?: number,
 *   step_seconds?: number, peak_bytes?: number, device?: string, model?: string, dtype?: string, threads?: number,
 *   source?: string, measured_at?: string
 * }} PresetEstimate
 */

const HOUR = 3600;

/**
 * A range such as "12 to 18 min"; both ends in the larger end's unit.
 *
 * @param {number} low seconds
 * @param {number} high seconds
 */
export function span(low, high) {
  const [unit, size, digits] = high < 100 ? ["s", 1, 0] : high < 2 * HOUR ? ["min", 60, low < 600 ? 1 : 0] : ["h", HOUR, 1];
  const [from, to] = [low, high].map((seconds) => (seconds / Number(size)).toFixed(Number(digits)));
  return from === to ? `about ${to} ${unit}` : `${from} to ${to} ${unit}`;
}

/**
 * How long ago something was, such as "3 min ago".
 *
 * @param {number} then milliseconds
 * @param {number} now milliseconds
 */
export function ago(then, now) {
  const seconds = Math.max(0, (now - then) / 1000);
  if (seconds < 90) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * HOUR) return `${Math.round(seconds / HOUR)} h ago`;
  return `${Math.round(seconds / HOUR / 24)} days ago`;
}

/**
 * Where and when the figures come from.
 *
 * @param {PresetEstimate[]} presets
 * @param {number} now milliseconds
 */
export function provenance(presets, now) {
  const known = presets.filter((preset) => preset.is_known);
  const oldest = known.toSorted((a, b) => Date.parse(a.measured_at ?? "") - Date.parse(b.measured_at ?? ""))[0];
  if (!oldest) return "Nothing is known yet about these settings on this machine.";
  const where = [oldest.device, oldest.model, oldest.threads ? `${oldest.threads} threads` : "", oldest.dtype].filter(Boolean).join(", ");
  const how = known.every((preset) => preset.source === "run") ? "As a real run took" : "Measured in a few steps";
  const memory = Math.max(...known.map((preset) => preset.peak_bytes ?? 0)) / 2 ** 30;
  return `${how}, ${ago(Date.parse(oldest.measured_at ?? ""), now)}, on ${where}; ${memory.toFixed(1)} GiB of memory at most. Other work on the machine makes it longer.`;
}

/**
 * Shares in per cent as the API takes them; they must add up to 1 to the last digit.
 *
 * @param {Record<string, number>} percents
 * @returns {{targets: Record<string, number>, total: number}}
 */
export function targetsOf(percents) {
  const total = Object.values(percents).reduce((sum, share) => sum + share, 0);
  const isWhole = Math.abs(total - 100) < 0.5; // thirds are written as 33.3
  const targets = Object.fromEntries(Object.entries(percents).map(([name, share]) => [name, isWhole ? share / total : share / 100]));
  return { targets, total };
}
