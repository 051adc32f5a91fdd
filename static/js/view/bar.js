// @ts-check
/** The line over the image: how far one is, and what the server has acknowledged. */

import { timeLeft } from "../model/eta.js";
import { byId } from "./dom.js";

/** @param {import("../model/types.js").Progress | null} progress */
export function drawProgress(progress) {
  const meter = byId("wb-meter", HTMLProgressElement);
  byId("wb-count", HTMLElement).textContent = progress ? `${progress.done} / ${progress.total}` : "";
  byId("wb-eta", HTMLElement).textContent = timeLeft(progress && progress.done < progress.total ? progress.eta_seconds : null);
  meter.max = Math.max(1, progress?.total ?? 1);
  meter.value = progress?.done ?? 0;
}

/**
 * @param {import("../state/outbox.js").Standing} standing
 * @param {{keeps: boolean}} journal
 * @returns {{tone: string, text: string}} the words of the badge
 */
export function savedWords({ waiting, refused, offline, needsLogin }, { keeps }) {
  const n = waiting === 1 ? "1 waiting" : `${waiting} waiting`;
  if (refused.length > 0) return { tone: "bad", text: `${refused.length} not taken` };
  if (needsLogin) return { tone: "warn", text: `Logged out, ${n}` };
  if (offline) return { tone: "warn", text: `Offline, ${n}` };
  if (waiting > 0) return { tone: keeps ? "info" : "warn", text: n };
  return { tone: "ok", text: "All saved" };
}

/**
 * @param {import("../state/outbox.js").Standing} standing
 * @param {{keeps: boolean}} journal
 */
export function drawSaved(standing, journal) {
  const badge = byId("wb-saved", HTMLButtonElement);
  const { tone, text } = savedWords(standing, journal);
  badge.dataset["tone"] = tone;
  badge.textContent = text;
  badge.dataset["waiting"] = String(standing.waiting);
  badge.title = standing.waiting > 0
    ? "Kept in this browser, not yet acknowledged by the server. Click to send now."
    : "The server has acknowledged everything you entered.";
}
