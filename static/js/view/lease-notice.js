// @ts-check
/** Tells, over the image and in the tab's title, that the time with it runs out or has run out. */

import { byId, show } from "./dom.js";

const TITLE = document.title;

export class LeaseNotice {
  #place = byId("wb-lease", HTMLElement);
  #words = byId("wb-lease-words", HTMLElement);
  /** @type {"none" | "soon" | "over"} */
  #stage = "none";

  /** @param {() => void} onExtend */
  constructor(onExtend) {
    byId("wb-lease-keep", HTMLButtonElement).addEventListener("click", onExtend);
  }

  /**
   * @param {number | null} left seconds; 0 once it is over, null when there is nothing to tell
   * @param {(text: string) => void} say to those who listen: once when it begins, once when it is over
   */
  draw(left, say) {
    const stage = left === null ? "none" : left > 0 ? "soon" : "over";
    const words = stage === "soon" ? `This image goes back to the queue in ${clock(left ?? 0)}.` : OVER;
    show(this.#place, stage !== "none");
    document.title = stage === "none" ? TITLE : `${stage === "soon" ? clock(left ?? 0) : "Time is up"} · ${TITLE}`;
    this.#words.textContent = words;
    if (stage !== this.#stage && stage !== "none") say(words);
    this.#stage = stage;
  }
}

const OVER = "Your time with this image is up: another reader may get it. What you entered is kept, and counts if nobody has taken it.";

/** @param {number} seconds */
function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
