// @ts-check
/**
 * The upload of real images. File names can name a patient, so they stay in this tab: each file is sent under its place in
 * the list, and a refused place gets its name back from the tab's own memory.
 */

import { newKey, request } from "../api.js";
import { placeInWords } from "../model/places.js";
import { showProblem } from "./forms.js";

const HOUR_MS = 3_600_000;

/**
 * What the form asks for, as the API's `options`.
 *
 * @param {FormData} fields
 * @returns {Record<string, unknown>}
 */
export function optionsOf(fields) {
  const number = (/** @type {string} */ name) => Number(fields.get(name)) || null;
  const size = number("tile_size");
  return {
    tile: size ? { size, stride: number("tile_stride") ?? size } : null,
    image_size: number("image_size"),
    channels: String(fields.get("channels") ?? "keep"),
    folder_classes: fields.has("folder_classes"),
    burned_in_checked: fields.has("burned_in_checked"),
  };
}

/** @param {string} url */
const memoryKey = (url) => `upload-names ${url}`;

/** @param {HTMLFormElement} form */
async function send(form) {
  const url = form.dataset.uploadUrl ?? "";
  const input = /** @type {HTMLInputElement} */ (form.querySelector('input[type="file"]'));
  const files = Array.from(input.files ?? []);
  const body = new FormData();
  body.append("options", JSON.stringify(optionsOf(new FormData(form))));
  files.forEach((file, place) => body.append("files", file, String(place)));
  const bar = /** @type {HTMLProgressElement} */ (form.querySelector("[data-upload-bar]"));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('button[type="submit"]'));
  bar.hidden = false;
  bar.removeAttribute("value");
  button.disabled = true;
  try {
    await request("POST", url, { form: body, key: newKey(), timeoutMs: HOUR_MS, tries: 1 });
    sessionStorage.setItem(memoryKey(url), JSON.stringify(files.map((file) => file.webkitRelativePath || file.name)));
    location.reload();
  } catch (error) {
    bar.hidden = true;
    button.disabled = false;
    showProblem(form, error);
  }
}

/** In the place of each refused ordinal, the name that only this tab knows. */
function nameRejections() {
  for (const list of document.querySelectorAll("[data-upload-names]")) {
    const key = memoryKey(list.getAttribute("data-upload-names") ?? "");
    const names = JSON.parse(sessionStorage.getItem(key) ?? "[]");
    for (const cell of list.querySelectorAll("[data-ordinal]")) {
      const words = placeInWords(cell.getAttribute("data-ordinal") ?? "", names);
      if (words !== null) cell.textContent = words;
    }
  }
}

for (const form of document.querySelectorAll("[data-upload-form]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form instanceof HTMLFormElement) void send(form);
  });
}
nameRejections();
