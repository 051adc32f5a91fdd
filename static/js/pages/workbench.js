// @ts-check
/** Starts the reading page: puts its parts together and listens to the browser. */

import { newKey, request } from "../api.js";
import { explain, Problem } from "../errors.js";
import { logIn } from "../login.js";
import { missingFromServer } from "../model/answer.js";
import { ReadsApi } from "../reads.js";
import { ActivityClock } from "../state/activity.js";
import { Leases } from "../state/lease.js";
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
import { Heartbeat } from "./leases.js";

/**
 * @typedef {import("../model/types.js").WorkbenchData} WorkbenchData
 * @typedef {import("../state/journal.js").Entry} Entry
 */

const LOOK_AGAIN_MS = 30_000;

/** @param {WorkbenchData} data */
async function start(data) {
  const api = new ReadsApi(data.urls);
  const home = data.urls.home ?? "/";
  const now = () => Date.now();
  const user = String(data.user.id);
  const journal = new Journal(await openShelf(globalThis.indexedDB), { user, study: data.study.id, now, newKey });
  const leases = new Leases({ now, seconds: data.lease?.seconds ?? 900 });
  const queue = new ReadQueue(api, (read) => leases.begin(read));
  const schedule = (/** @type {() => void} */ work, /** @type {number} */ ms) => setTimeout(work, ms);
  const outbox = new Outbox({
    journal, now, schedule,
    send: (entry, rev) => api.send(entry, rev),
    onChange: (standing) => {
      drawSaved(standing, journal);
      if (standing.needsLogin) askForLogin(standing.waiting);
    },
    onReceipt: (entry) => {
      if (entry.kind === "skip") queue.unhide(entry.read);
      if (entry.kind === "draft") leases.begin(entry.read);
      if (entry.kind !== "draft") void reading.refill();
    },
    onRefused: (_, problem) => {
      toast(`The server did not take an answer. ${explain(problem).detail}`, { seconds: 20, action: { label: "Look", run: () => void showStanding(outbox, correct) } });
    },
    onKeptAside: ({ kind }) => {
      void reading.refill();
      if (kind === "submit") toast("Your time on this image had run out and another reader has it. Your answer was kept and the study's manager can see it.", { seconds: 12 });
    },
  });
  const clock = new ActivityClock({ now });
  const reading = new Reading({ schema: data.schema, queue, journal, outbox, clock, newId: newKey, schedule, onProblem });
  const seat = new Seat(navigator.locks, `synthlab ${data.study.id} ${user}`, () => reading.stop());
  const bench = new Workbench(reading, { home, again: () => void sitDown(true) }, ownKeys(data), {
    guideline: { text: data.study.guideline ?? "", url: data.urls.exemplars ?? "" },
    own: {
      load: (page) => api.answers(data.study.id, page),
      unsent: () => outbox.waiting.filter(({ kind }) => kind === "submit").length,
      reopen: async (id) => reading.takeUp(await api.reopen(id)),
    },
    extend: () => void heartbeat.extend(),
    pixelSize: data.study.pixel_size_um ?? null,
  });
  const heartbeat = new Heartbeat({
    renew: async (read) => queue.renewed(read, await api.renew(read)), queue, leases, seconds: data.lease?.renew_every_seconds ?? 60, say: (text) => bench.say(text), onProblem,
    onLost: (problem) => void giveUp(problem),
  });

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
    const loginUrl = data.urls.login ?? "/accounts/login/";
    const username = data.user.username;
    openLogin({ username, loginUrl, waiting, logIn: (password) => logIn(loginUrl, username, password), onBack: cameBack });
  }

  async function cameBack() {
    const who = await api.whoami().catch(() => null);
    if (who !== user) return false;
    await outbox.resume();
    if (!queue.current) await reading.next();
    return true;
  }

  /** A refused answer comes back on the table, with what is wrong at its fields. @param {import("../state/journal.js").Entry} entry */
  async function correct(entry) {
    const read = await api.read(entry.read);
    await journal.keepDraft(read.id, read.rev, /** @type {import("../model/types.js").WireAnswer} */ (entry.body));
    await outbox.drop(entry);
    await reading.takeUp(read);
    bench.showMissing(missingFromServer(entry.refusal?.fields ?? {}));
  }

  /** The image is another reader's now, or answered: what was said about it is sent all the same, and the next one comes up. @param {Problem} problem */
  async function giveUp(problem) {
    const isBlank = reading.untouched().some(({ id }) => id === queue.current?.read.id);
    await reading.saveDraft();
    await reading.letGo();
    const kept = isBlank ? "" : " What you had entered was kept, and the study's manager can see it.";
    toast(problem.code === "lease_lost" ? `Another reader has this image now.${kept}` : explain(problem).detail, { seconds: 12 });
  }

  listen({ bench, reading, outbox, clock, seat, heartbeat, correct: (entry) => void correct(entry).catch(onProblem) });
  heartbeat.start();
  releaseOnLeaving({ api, reading, outbox });
  await tellAboutOthers(journal);
  await sitDown(false);
}

/**
 * @param {{bench: Workbench, reading: Reading, outbox: Outbox, clock: ActivityClock, seat: Seat, heartbeat: Heartbeat, correct: (entry: Entry) => void}} parts
 */
function listen({ bench, reading, outbox, clock, seat, heartbeat, correct }) {
  const touch = () => {
    clock.touch();
    heartbeat.touch();
  };
  addEventListener("keydown", (event) => {
    touch();
    if (!document.querySelector("dialog[open]")) bench.keyboard.handle(event);
  });
  addEventListener("keyup", () => {
    if (bench.stage.isHidden) bench.hideMarks(false);
  });
  for (const name of ["pointerdown", "pointermove", "wheel"]) addEventListener(name, touch, { passive: true });
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
  byId("wb-own-open", HTMLButtonElement).addEventListener("click", () => bench.own.toggle());
  byId("wb-saved", HTMLButtonElement).addEventListener("click", () => void showStanding(outbox, correct));
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

/** @param {Outbox} outbox @param {(entry: Entry) => void} correct */
async function showStanding(outbox, correct) {
  const { refused } = await outbox.standing();
  if (refused.length > 0) {
    openRefused(refused, { retry: (entry) => void outbox.retry(entry), drop: (entry) => void outbox.drop(entry), correct });
  } else {
    await outbox.hurry();
  }
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
    for (const read of reading.untouched()) void api.release(read).catch(() => {});
    // The journal keeps them in any case; this only saves the wait until the next visit.
    const said = outbox.waiting.map((entry) => ({ entry, rev: outbox.revOf(entry.read, entry.rev) }));
    void api.leave(said).catch(() => {});
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
