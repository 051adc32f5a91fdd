// @ts-check
/** Starts the reading page: puts its parts together and listens to the browser. */

import { newKey, request } from "../api.js";
import { explain, Problem } from "../errors.js";
import { ReadsApi } from "../reads.js";
import { ActivityClock } from "../state/activity.js";
import { Journal } from "../state/journal.js";
import { Outbox } from "../state/outbox.js";
import { ReadQueue } from "../state/queue.js";
import { Reading } from "../state/reading.js";
import { openShelf } from "../state/shelf.js";
import { Seat } from "../state/seat.js";
import { drawSaved } from "../view/bar.js";
import { openLogin, openRefused } from "../view/dialogs.js";
import { byId, jsonFrom } from "../view/dom.js";
import { openHelp } from "../view/help.js";
import { toast } from "../view/toasts.js";
import { Workbench } from "../view/workbench.js";

/** @typedef {import("../model/types.js").WorkbenchData} WorkbenchData */

const LOOK_AGAIN_MS = 30_000;

/** @param {WorkbenchData} data */
async function start(data) {
  const api = new ReadsApi(data.urls);
  const home = data.urls.home ?? "/";
  const now = () => Date.now();
  const user = String(data.user.id);
  const journal = new Journal(await openShelf(globalThis.indexedDB), { user, study: data.study.id, now, newKey });
  const queue = new ReadQueue(api);
  const schedule = (/** @type {() => void} */ work, /** @type {number} */ ms) => setTimeout(work, ms);
  const outbox = new Outbox({
    journal, now, schedule,
    send: (entry, rev) => api.send(entry, rev),
    onChange: (standing) => {
      drawSaved(standing, journal);
      if (standing.needsLogin) askForLogin(standing.waiting);
    },
    onReceipt: (entry, receipt) => {
      if (entry.kind === "skip") queue.unhide(entry.read);
      reading.accept(receipt.next);
      reading.tellProgress(receipt.progress);
      if (entry.kind !== "draft") void reading.refill();
    },
    onKeptAside: ({ kind }) => {
      if (kind === "submit") toast("Your time on this image had run out and another reader has it. Your answer was kept and the study's manager can see it.", { seconds: 12 });
    },
  });
  const clock = new ActivityClock({ now });
  const reading = new Reading({ schema: data.schema, queue, journal, outbox, clock, newId: newKey, schedule, onProblem });
  const seat = new Seat(navigator.locks, `synthlab ${data.study.id} ${user}`, () => reading.stop());
  const bench = new Workbench(reading, { home, again: () => void sitDown(true) }, ownKeys(data), { text: data.study.guideline ?? "", url: data.urls.exemplars ?? "" });

  /** @param {boolean} isAsked by a press on the button, and not by opening the page */
  async function sitDown(isAsked) {
    if (seat.isHeld) await reading.next();
    else if (await seat.take(isAsked)) await reading.start();
    else reading.stop();
  }

  /** @param {unknown} error */
  function onProblem(error) {
    if (error instanceof Problem && error.needsLogin) {
      void outbox.standing().then(({ waiting }) => askForLogin(waiting));
    } else if (!(error instanceof Problem) || !error.isPassing) {
      const { title, detail } = explain(error);
      toast(`${title}. ${detail}`, { tone: "bad" });
    }
  }

  /** @param {number} waiting */
  function askForLogin(waiting) {
    openLogin({ loginUrl: data.urls.login ?? "/accounts/login/", waiting, onBack: cameBack });
  }

  async function cameBack() {
    const who = await api.whoami().catch(() => null);
    if (who !== user) return false;
    await outbox.resume();
    if (!queue.current) await reading.next();
    return true;
  }

  listen({ bench, reading, outbox, clock, seat });
  keepLeases({ api, queue, seconds: data.lease?.renew_every_seconds ?? 60, onProblem });
  releaseOnLeaving({ api, reading, outbox });
  await tellAboutOthers(journal);
  await sitDown(false);
}

/**
 * @param {{bench: Workbench, reading: Reading, outbox: Outbox, clock: ActivityClock, seat: Seat}} parts
 */
function listen({ bench, reading, outbox, clock, seat }) {
  addEventListener("keydown", (event) => {
    clock.touch();
    if (!document.querySelector("dialog[open]")) bench.keyboard.handle(event);
  });
  addEventListener("keyup", () => {
    if (bench.stage.isHidden) bench.hideMarks(false);
  });
  for (const name of ["pointerdown", "pointermove", "wheel"]) addEventListener(name, () => clock.touch(), { passive: true });
  // A press on a button must not leave Enter and Space with that button: the keys go back to the image.
  byId("main", HTMLElement).addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (button && event.detail > 0 && !document.querySelector("dialog[open]")) bench.stage.root.focus({ preventScroll: true });
  });
  byId("wb-submit", HTMLButtonElement).addEventListener("click", () => void bench.submit());
  byId("wb-discard", HTMLButtonElement).addEventListener("click", () => bench.choices.toggle("discard"));
  byId("wb-skip", HTMLButtonElement).addEventListener("click", () => bench.choices.toggle("skip"));
  byId("wb-help", HTMLButtonElement).addEventListener("click", () => openHelp(bench.shortcuts, bench.keys));
  byId("wb-guideline-open", HTMLButtonElement).addEventListener("click", () => bench.guideline.toggle());
  byId("wb-saved", HTMLButtonElement).addEventListener("click", () => void showStanding(outbox));
  addEventListener("online", () => void outbox.resume());
  addEventListener("offline", () => void outbox.flush());
  setInterval(() => {
    const { phase } = reading.store.state;
    if (seat.isHeld && document.visibilityState === "visible" && (phase === "empty" || phase === "failed")) void reading.next();
  }, LOOK_AGAIN_MS);
}

/**
 * @param {WorkbenchData} data
 * @returns {import("../view/help.js").OwnKeys}
 */
function ownKeys({ keys = {}, urls: { shortcuts = "/api/v1/me/shortcuts" } }) {
  const own = {
    bindings: keys,
    onChange: () => {},
    save: async (/** @type {Record<string, string>} */ bindings) => {
      await request("PUT", shortcuts, { body: { keys: bindings } });
      own.bindings = bindings;
      own.onChange();
    },
  };
  return own;
}

/** @param {Outbox} outbox */
async function showStanding(outbox) {
  const { refused } = await outbox.standing();
  if (refused.length > 0) {
    openRefused(refused, { retry: (entry) => void outbox.retry(entry), drop: (entry) => void outbox.drop(entry) });
  } else {
    await outbox.resume();
  }
}

/**
 * The heartbeat: from a visible tab only, so that a forgotten one gives its images back.
 *
 * @param {{api: ReadsApi, queue: ReadQueue, seconds: number, onProblem: (error: unknown) => void}} parts
 */
function keepLeases({ api, queue, seconds, onProblem }) {
  const renew = async () => {
    if (document.visibilityState !== "visible") return;
    for (const { id } of queue.held) {
      try {
        await api.renew(id);
      } catch (error) {
        const isLost = error instanceof Problem && [404, 409].includes(error.status);
        if (isLost && id !== queue.current?.read.id) queue.drop(id);
        else if (!isLost) onProblem(error);
      }
    }
  };
  setInterval(() => void renew(), seconds * 1000);
}

/**
 * Images nobody has said anything about go back to the pool; what was said is sent on the way out.
 *
 * @param {{api: ReadsApi, reading: Reading, outbox: Outbox}} parts
 */
function releaseOnLeaving({ api, reading, outbox }) {
  document.addEventListener("visibilitychange", () => {
    reading.clock[document.visibilityState === "hidden" ? "touch" : "skip"]();
    if (document.visibilityState === "hidden") void reading.saveDraft();
  });
  addEventListener("pagehide", () => {
    for (const { id } of reading.untouched()) void api.release(id).catch(() => {});
    // The journal keeps them in any case; this only saves the wait until the next visit.
    for (const entry of outbox.waiting) {
      void api.send(entry, outbox.revOf(entry.read, entry.rev), { keepalive: true }).catch(() => {});
    }
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

/** @param {Journal} journal */
async function tellAboutOthers(journal) {
  const others = await journal.countOthers();
  if (others > 0) {
    const what = others === 1 ? "1 unsent answer of another person is" : `${others} unsent answers of other people are`;
    toast(`${what} kept in this browser. They will be sent when that person logs in here.`, { seconds: 12 });
  }
  if (!journal.keeps) toast("This browser keeps nothing between visits. Do not close this page while the badge says that answers are waiting.", { tone: "bad" });
}

await start(jsonFrom("workbench-data"));
