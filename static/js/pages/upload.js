// @ts-check
/**
 * The upload of real images. File names can name a patient, so they stay in this tab: each file is sent under its place in
 * the list, and a refused place gets its name back from the tab's own memory.
 */

import { csrfToken, newKey, request } from "../api.js";
import { Problem, problemFrom } from "../errors.js";
import { chosenFiles, droppedFiles } from "../model/dropped.js";
import { RateWatch, timeLeft } from "../model/eta.js";
import { inBytes, speaksOfNames, toldOf, UploadList } from "../model/upload.js";
import { nameOrdinals, rememberNames } from "../state/names.js";
import { Sending } from "../state/sending.js";
import { FileList } from "../view/filelist.js";
import { clearProblem, showProblem } from "./forms.js";

/**
 * What the form asks for, as the API's `options`; the form of a data set's first upload goes for all that follow.
 *
 * @param {FormData} fields
 * @param {Record<string, unknown> | null} fixed
 * @returns {Record<string, unknown>}
 */
export function optionsOf(fields, fixed = null) {
  const number = (/** @type {string} */ name) => Number(fields.get(name)) || null;
  const size = number("tile_size");
  const margin = fields.get("crop_margin");
  const crops = { square: fields.get("crop_shape") !== "box", side: number("crop_side"), ...(margin ? { margin: Number(margin) / 100 } : {}) };
  const isPlainCrop = crops.square && crops.side === null && (!margin || crops.margin === 0.2);
  return {
    tile: size ? { size, stride: number("tile_stride") ?? size } : null,
    crop: size || isPlainCrop ? null : crops,
    image_size: number("image_size"),
    fit: String(fields.get("fit") ?? "crop"),
    channels: String(fields.get("channels") ?? "keep"),
    bits: number("bits") ?? 8,
    ...fixed,
    drop_duplicates: fields.get("duplicates") !== "keep",
    drop_blurred: fields.get("blurred") === "refuse",
    folder_classes: fields.get("folders") === "classes",
    burned_in_checked: fields.has("burned_in_checked"),
  };
}

/**
 * One file as the whole body, by the only way that tells how much has gone.
 *
 * @param {string} url
 * @param {Blob} file
 * @param {(bytes: number) => void} onSent
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function putFile(url, file, onSent, signal) {
  return new Promise((resolve, reject) => {
    const line = new XMLHttpRequest();
    const lost = () => reject(new Problem({ status: 0, code: "offline", detail: "The connection was lost." }));
    line.open("PUT", url);
    line.setRequestHeader("Content-Type", "application/octet-stream");
    line.setRequestHeader("Accept", "application/json, application/problem+json");
    line.setRequestHeader("X-CSRFToken", csrfToken());
    line.setRequestHeader("X-Acting-User", document.body.dataset["user"] ?? "");
    line.upload.addEventListener("progress", ({ loaded }) => onSent(loaded));
    line.addEventListener("error", lost);
    line.addEventListener("abort", lost);
    line.addEventListener("load", () => {
      if (line.status >= 200 && line.status < 300) resolve();
      else reject(problemFrom(line.status, parsed(line.responseText), { get: (name) => line.getResponseHeader(name) }));
    });
    signal.addEventListener("abort", () => line.abort(), { once: true });
    line.send(file);
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

class UploadForm {
  /** @type {Sending | null} */
  #sending = null;
  #rate = new RateWatch();
  #shownAt = 0;
  /** @type {Record<string, unknown>} */
  #asked = {};
  /** @type {Record<string, unknown>} */
  #told = {};

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.url = form.dataset["uploadUrl"] ?? "";
    this.fixed = JSON.parse(form.dataset["fixedForm"] || "null");
    this.files = new UploadList(Number(form.dataset["mostBytes"]));
    this.rows = new FileList(this.#part("list"), (entry) => {
      this.files.remove(entry);
      this.#changeSoon();
    });
    this.#listen();
    this.#changed();
  }

  /** @param {string} name @returns {HTMLElement} */
  #part(name) {
    const part = this.form.querySelector(`[data-upload-${name}]`);
    if (!(part instanceof HTMLElement)) throw new Error(`the upload form has no ${name}`);
    return part;
  }

  #listen() {
    const { form } = this;
    for (const input of form.querySelectorAll('input[type="file"]')) {
      if (!(input instanceof HTMLInputElement)) continue;
      form.querySelector(`[data-opens="${input.id}"]`)?.addEventListener("click", () => input.click());
      input.addEventListener("change", () => {
        this.#add(chosenFiles(input.files ?? []));
        input.value = "";
      });
    }
    const zone = this.#part("drop");
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.dataset["over"] = "";
      });
    }
    for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => delete zone.dataset["over"]);
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer && !this.#sending) void droppedFiles(event.dataTransfer).then((found) => this.#add(found), (error) => showProblem(form, error));
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#part("cancel").addEventListener("click", () => void this.#cancel());
    this.#part("clear").addEventListener("click", () => {
      this.files.clear();
      this.rows.clear();
      this.#changed();
    });
    addEventListener("beforeunload", (event) => {
      if (this.#sending) event.preventDefault();
    });
  }

  /** @param {import("../model/dropped.js").Found[]} found */
  #add(found) {
    this.rows.add(this.files.add(found));
    this.#door = null;
    this.#changed();
  }

  #isChanging = false;

  /** Many changes in a row are told once. */
  #changeSoon() {
    if (this.#isChanging) return;
    this.#isChanging = true;
    requestAnimationFrame(() => {
      this.#isChanging = false;
      this.#changed();
    });
  }

  /** The list, or what was wrong with it, has changed. */
  #changed() {
    const { entries, bytes, skipped, obstacle } = this.files;
    const failed = this.files.count("failed");
    const hidden = skipped ? ` ${skipped} hidden file${skipped === 1 ? "" : "s"} of the system left out.` : "";
    this.#part("summary").textContent = entries.length ? `${entries.length} file${entries.length === 1 ? "" : "s"}, ${inBytes(bytes)}.${hidden}` : `No file is chosen yet.${hidden}`;
    this.#part("obstacle").textContent = obstacle;
    this.#part("obstacle").hidden = !obstacle;
    this.#part("names").hidden = !speaksOfNames(entries);
    this.#part("clear").hidden = entries.length === 0 || this.#sending !== null;
    const button = /** @type {HTMLButtonElement} */ (this.#part("send"));
    button.disabled = entries.length === 0 || Boolean(obstacle) || this.#sending !== null;
    button.textContent = failed ? `Go on with the ${failed} that failed` : "Upload and read";
    if (!this.#sending) this.#door = this.#isSame() ? this.#door : null;
  }

  /** An upload that was begun and whose list has not changed since: it can be gone on with. @type {Sending | null} */
  #door = null;

  #isSame() {
    return this.#door !== null && this.#door.entries.length === this.files.entries.length && this.#door.entries.every((entry, place) => entry === this.files.entries[place]);
  }

  async #send() {
    clearProblem(this.form);
    // Taken now: fields that are switched off while sending have no values.
    const fields = new FormData(this.form);
    this.#asked = optionsOf(fields, this.fixed);
    this.#told = toldOf(this.files.entries, String(fields.get("folders") ?? ""));
    const sending = (this.#door ??= new Sending([...this.files.entries], this.#doorway(), (entry) => this.#moved(entry)));
    this.#sending = sending;
    this.#rate = new RateWatch();
    this.#busy(true);
    try {
      if (await sending.run()) {
        this.#sending = null;
        rememberNames(sending.upload ?? "", sending.entries.map(({ path }) => path));
        location.reload();
        return;
      }
      if (this.#sending) this.#showFailure();
    } catch (error) {
      showProblem(this.form, error);
    }
    this.#sending = null;
    this.#busy(false);
    this.#changed();
  }

  #showFailure() {
    const failed = this.files.entries.find(({ state }) => state === "failed");
    const left = this.files.entries.length - this.files.count("sent");
    const detail = `${left} of ${this.files.entries.length} files ${left === 1 ? "is" : "are"} missing. ${failed?.problem ?? ""}`;
    showProblem(this.form, new Problem({ status: 0, code: "upload_interrupted", title: "Not everything was sent", detail }));
    const action = this.form.querySelector("[data-problem-action]");
    if (action) action.textContent = "What came is kept, and all files stay chosen. Press the button below to go on when the reason is gone.";
    if (failed) this.rows.show(failed);
    this.#part("status").textContent = "";
  }

  async #cancel() {
    const sending = this.#sending;
    this.#sending = null;
    this.#door = null;
    await sending?.cancel();
    this.#part("status").textContent = "Cancelled. Nothing was kept by the server; your files stay chosen here.";
  }

  /** @param {boolean} isBusy */
  #busy(isBusy) {
    this.rows.lock(isBusy);
    this.#part("total").hidden = !isBusy;
    this.#part("cancel").hidden = !isBusy;
    for (const field of this.form.querySelectorAll("fieldset")) field.disabled = isBusy;
    if (isBusy) this.#part("status").textContent = "Sending.";
    this.#changed();
  }

  /** @param {import("../model/upload.js").Entry} entry */
  #moved(entry) {
    this.rows.update(entry);
    const now = performance.now();
    if (now - this.#shownAt < 200 && entry.state === "sending") return;
    const isDone = this.files.count("sent") === this.files.entries.length;
    if (now - this.#shownAt < 200 && !isDone) return;
    this.#shownAt = now;
    const { sentBytes, bytes, entries } = this.files;
    this.#rate.see(now, sentBytes);
    const bar = /** @type {HTMLProgressElement} */ (this.#part("bar"));
    bar.value = bytes ? sentBytes / bytes : 1;
    this.#part("count").textContent = `${this.files.count("sent")} of ${entries.length} files, ${inBytes(sentBytes)} of ${inBytes(bytes)}`;
    this.#part("eta").textContent = timeLeft(this.#rate.secondsLeft(bytes));
    if (isDone) this.#part("status").textContent = "All files have come. The reading begins.";
  }

  /** @returns {import("../state/sending.js").Door} */
  #doorway() {
    const { url } = this;
    const key = newKey();
    return {
      open: async (sizes) => (await request("POST", url, { body: { sizes, options: this.#asked }, key: newKey(), timeoutMs: 60_000 })).data.id,
      missing: async (upload) => {
        try {
          return (await request("GET", `${url}/${upload}`)).data.missing;
        } catch (error) {
          if (error instanceof Problem && error.status === 404) return null;
          throw error;
        }
      },
      put: (upload, place, file, onSent, signal) => putFile(`${url}/${upload}/files/${place}`, file, onSent, signal),
      finish: async (upload) => {
        await request("POST", `${url}/${upload}/ingest`, { body: { options: { ...this.#asked, ...this.#told } }, key, timeoutMs: 60_000 });
      },
      drop: async (upload) => {
        await request("DELETE", `${url}/${upload}`);
      },
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
  }
}

for (const form of document.querySelectorAll("form[data-upload-form]")) {
  if (form instanceof HTMLFormElement) new UploadForm(form);
}
nameOrdinals();
