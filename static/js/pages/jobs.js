// @ts-check
/**
 * Live progress of long work: every `[data-job-url]` on the page is kept up to date by polling with
 * its ETag, slower the longer nothing changes, and not at all while nobody looks.
 *
 * @typedef {{
 *   state: string, phase?: string, progress_done?: number, progress_total?: number, eta_seconds?: number | null,
 *   error?: string, error_code?: string, log_tail?: string
 * }} Job
 */

import { request } from "../api.js";
import { explain, Problem } from "../errors.js";
import { RateWatch, timeLeft } from "../model/eta.js";
import { show } from "../view/dom.js";

const LIVE = new Set(["queued", "running"]);
const QUICK_MS = 1000;
const SLOW_MS = 15_000;

/** @type {Record<string, string>} */
const TONES = { succeeded: "ok", failed: "bad", dead: "bad", cancelled: "warn", running: "info", queued: "info" };

class JobCard {
  #etag = "";
  #pause = QUICK_MS;
  #rate = new RateWatch();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.url = root.dataset["jobUrl"] ?? "";
  }

  start() {
    if (LIVE.has(this.root.dataset["jobState"] ?? "")) void this.#poll();
  }

  async #poll() {
    if (document.visibilityState === "visible") await this.#look();
    const isLive = LIVE.has(this.root.dataset["jobState"] ?? "");
    if (isLive && this.root.isConnected) setTimeout(() => void this.#poll(), this.#pause);
  }

  async #look() {
    try {
      const { status, data, etag } = await request("GET", this.url, { ifNoneMatch: this.#etag, tries: 1 });
      this.#etag = etag ?? "";
      if (status === 304) {
        this.#pause = Math.min(SLOW_MS, this.#pause * 1.3);
      } else {
        this.#pause = QUICK_MS;
        this.#draw(data);
      }
    } catch (error) {
      this.#pause = Math.min(SLOW_MS, this.#pause * 2);
      const isGone = error instanceof Problem && [401, 403, 404].includes(error.status);
      if (isGone) this.root.dataset["jobState"] = "unknown";
      this.#part("eta", isGone ? explain(error).title : "No connection; trying again");
    }
  }

  /** @param {Job} job */
  #draw(job) {
    const done = job.progress_done ?? 0;
    const total = job.progress_total ?? 0;
    this.#rate.see(Date.now(), done);
    const isLive = LIVE.has(job.state);
    const inParts = job.phase === "shards";
    this.#part("phase", inParts ? "in parts" : (job.phase ?? ""));
    this.#part("count", total > 0 ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")}` : "");
    this.#part("eta", isLive ? timeLeft(job.eta_seconds ?? this.#rate.secondsLeft(total)) : "");
    this.#part("error", job.error ?? "");
    this.#part("log", job.log_tail ?? "");
    this.#drawBar(job.state, done, total);
    // While it waits for its shards it is at work, as far as people are concerned.
    this.#drawState(inParts && job.state === "queued" ? "running" : job.state);
    if (!isLive) this.#ended();
  }

  /** @param {string} name @param {string} text */
  #part(name, text) {
    const place = this.root.querySelector(`[data-job-${name}]`);
    if (!place || place.textContent === text) return;
    const isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 8;
    place.textContent = text;
    if (name === "error") show(place, text !== "");
    if (name === "log" && isAtEnd) place.scrollTop = place.scrollHeight;
  }

  /**
   * @param {string} state
   * @param {number} done
   * @param {number} total
   */
  #drawBar(state, done, total) {
    const bar = this.root.querySelector("progress");
    if (!bar) return;
    bar.max = Math.max(1, total);
    if (total > 0 || state !== "running") bar.value = state === "succeeded" ? bar.max : done;
    else bar.removeAttribute("value");
  }

  /** @param {string} state */
  #drawState(state) {
    this.root.dataset["jobState"] = state;
    const badge = this.root.querySelector(".badge");
    if (badge instanceof HTMLElement) {
      badge.dataset["tone"] = TONES[state] ?? "none";
      badge.dataset["state"] = state;
      if (badge.textContent !== state) badge.textContent = state;
    }
  }

  #ended() {
    this.root.querySelector("[data-job-cancel]")?.remove();
    this.root.dispatchEvent(new CustomEvent("synthlab:job-ended", { bubbles: true, detail: this.root.dataset["jobState"] }));
    if (this.root.hasAttribute("data-job-reload")) location.reload();
  }
}

for (const root of document.querySelectorAll("[data-job-url]")) {
  if (root instanceof HTMLElement) new JobCard(root).start();
}
