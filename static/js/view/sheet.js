// @ts-check
/** What opens over the answer and leaves the image in sight: the guideline, the own answers. One at a time. */

import { byId, show } from "./dom.js";

/** @type {Sheet | null} */
let opened = null;

export class Sheet {
  #place;

  /**
   * @param {string} id of the section; its button to close is `id-close`, its content goes into `id-body`
   * @param {() => void} fill called at every opening
   */
  constructor(id, fill) {
    this.#place = byId(id, HTMLElement);
    this.body = byId(`${id}-body`, HTMLElement);
    this.fill = fill;
    byId(`${id}-close`, HTMLButtonElement).addEventListener("click", () => this.close());
  }

  /** @returns {boolean} whether it is open now */
  toggle() {
    if (this.close()) return false;
    opened?.close();
    opened = this;
    show(this.#place, true);
    this.fill();
    this.#place.scrollIntoView({ block: "nearest" }); // on a narrow screen it stands below the answer
    return true;
  }

  /** @returns {boolean} whether it was open */
  close() {
    const wasOpen = !this.#place.hidden;
    if (wasOpen && this.#place.contains(document.activeElement)) byId("viewer", HTMLElement).focus({ preventScroll: true });
    show(this.#place, false);
    if (opened === this) opened = null;
    return wasOpen;
  }
}

/** Closes whichever is open. @returns {boolean} whether one was */
export function closeSheet() {
  return opened?.close() ?? false;
}
