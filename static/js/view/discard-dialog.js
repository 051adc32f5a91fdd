// @ts-check
/** Asks why images are put aside, and tells how many. */

import { byId } from "./dom.js";

/**
 * @param {number} count
 * @returns {Promise<{reason: string, comment: string} | null>} null: not after all
 */
export function askWhy(count) {
  const dialog = byId("discard-dialog", HTMLDialogElement);
  const form = byId("discard-form", HTMLFormElement);
  const reason = byId("discard-reason", HTMLSelectElement);
  const comment = byId("discard-comment", HTMLTextAreaElement);
  const words = count === 1 ? "1 image" : `${count.toLocaleString("en")} images`;
  byId("discard-title", HTMLHeadingElement).textContent = `Discard ${words}`;
  byId("discard-go", HTMLButtonElement).textContent = `Discard ${words}`;
  const demand = () => {
    comment.required = reason.value === "other";
    byId("discard-optional", HTMLElement).hidden = comment.required;
  };
  demand();
  return new Promise((resolve) => {
    const gone = new AbortController();
    const { signal } = gone;
    /** @param {{reason: string, comment: string} | null} answer */
    const end = (answer) => {
      gone.abort();
      dialog.close();
      comment.value = "";
      resolve(answer);
    };
    reason.addEventListener("change", demand, { signal });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      end({ reason: reason.value, comment: comment.value.trim() });
    }, { signal });
    byId("discard-cancel", HTMLButtonElement).addEventListener("click", () => end(null), { signal });
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      end(null);
    }, { signal });
    dialog.showModal();
    reason.focus();
  });
}
