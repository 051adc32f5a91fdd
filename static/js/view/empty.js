// @ts-check
/** What stands in place of the image when there is none, and what to do then. */

import { explain } from "../errors.js";
import { byId, h, show } from "./dom.js";

/**
 * @typedef {{title: string, text: string, action: "home" | "again" | null, label?: string, reference?: string | null}} Words
 */

/**
 * @param {{reason: string | null, until: string | null}} end
 * @returns {Words}
 */
export function emptyWords({ reason, until }) {
  if (reason === "paused") {
    return { title: "This study is paused", text: "Its manager has stopped handing out images. What you submitted is kept. This page looks again by itself.", action: "home" };
  }
  if (reason === "closed") {
    return { title: "This study is closed", text: "Its manager has ended the reading. What you submitted is kept, and what still waits in this browser is taken.", action: "home" };
  }
  if (reason === "leased") {
    const when = until ? `at ${clockTime(until)} at the latest` : "in a few minutes";
    return { title: "Other readers have the rest", text: `Every remaining image is with another reader. The next one may become free ${when}; this page looks again by itself.`, action: "again" };
  }
  if (reason === "all_done") {
    return { title: "All done", text: "You have read every image this study has for you. Thank you.", action: "home" };
  }
  if (reason === "elsewhere") {
    return { title: "You are reading in another tab", text: "One tab reads at a time, so that no answer is given twice.", action: "again", label: "Read here instead" };
  }
  if (reason === "sending") {
    return { title: "Your last answer is being sent", text: "The next image follows, if there is one. Until it is sent, undoing takes it back.", action: null };
  }
  return { title: "Nothing to read now", text: "The study has no image for you at the moment. This page looks again by itself.", action: "again" };
}

/** @param {string} iso */
function clockTime(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/**
 * @param {unknown} error
 * @returns {Words}
 */
export function failedWords(error) {
  const { title, detail, action, requestId } = explain(error);
  return { title, text: `${detail} ${action} What you entered is kept.`, action: "again", reference: requestId };
}

/**
 * @param {Words | null} words null takes it away
 * @param {{home: string, again: () => void}} ways
 */
export function drawEmpty(words, { home, again }) {
  const place = byId("wb-empty", HTMLElement);
  show(place, words !== null);
  if (!words) return;
  const button = words.action === "home"
    ? h("a", { class: "button button-primary", href: home }, "To my studies")
    : h("button", { type: "button", class: "button button-primary", click: again }, words.label ?? "Look again");
  place.replaceChildren(h("div", { class: "empty", role: "status" },
    h("h2", {}, words.title), h("p", {}, words.text),
    words.reference ? h("p", { class: "faint small" }, "Reference ", h("code", {}, words.reference)) : null,
    words.action ? button : null));
}
