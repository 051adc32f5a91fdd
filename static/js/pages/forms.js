// @ts-check
/**
 * Forms and buttons that speak to the REST API, by data attributes alone. Every page has this module.
 *
 * - `data-api-url` and `data-api-method` (POST when left out), on a form or a button;
 * - `data-if-match`: the rev of what is edited; `data-confirm`: a question to ask first;
 * - `data-body` on a button: the JSON to send;
 * - afterwards: `data-next`, an address with `{name}` for members of the answer; or `data-stay`; else the
 *   page is loaded again (`data-reload` says so aloud);
 * - on fields, `data-json="number|boolean|json"`: how a value is sent; a dotted name makes a nested body;
 *   an empty optional field is left out, or null with `data-empty="null"`; `data-lines` sends a text area as the list of its lines;
 * - a form with a file field is sent as multipart.
 *
 * A problem is shown in `[data-problem]` of the form, and at the fields it names; without one in a toast.
 */

import { newKey, request } from "../api.js";
import { explain, Problem } from "../errors.js";
import { filled, put } from "../model/body.js";
import { confirmAction } from "../view/dialogs.js";
import { h } from "../view/dom.js";
import { toast } from "../view/toasts.js";

export function startApiActions(root = document) {
  for (const form of root.querySelectorAll("form[data-api-url]")) {
    if (form instanceof HTMLFormElement) startForm(form);
  }
  for (const button of root.querySelectorAll("button[data-api-url]")) {
    if (button instanceof HTMLButtonElement) startButton(button);
  }
}

/** @param {HTMLFormElement} form */
function startForm(form) {
  // One key for one filling-in: pressing twice, or trying again after a lost answer, acts once.
  let key = newKey();
  form.addEventListener("input", () => {
    key = newKey();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const files = form.querySelector("input[type=file]") !== null;
    const payload = files ? { form: new FormData(form), timeoutMs: 3_600_000 } : { body: bodyOf(form) };
    void perform(form, { ...payload, key }, form);
  });
}

/** @param {HTMLButtonElement} button */
function startButton(button) {
  const key = newKey();
  button.addEventListener("click", () => {
    const body = JSON.parse(button.dataset["body"] ?? "{}");
    void perform(button, { body, key }, button.closest("[data-problem-scope]"));
  });
}

/**
 * @param {HTMLElement} element carries the data attributes
 * @param {import("../api.js").RequestOptions} payload
 * @param {Element | null} scope where a problem is shown; a toast without one
 */
async function perform(element, payload, scope) {
  const { apiUrl = "", apiMethod = "POST", ifMatch = null, confirm: question, next, stay } = dataOf(element);
  const label = submitterOf(element)?.textContent?.trim() ?? "Go on";
  if (question && !(await confirmAction("Are you sure?", question, label))) return;
  const controls = element instanceof HTMLButtonElement ? [element] : [...element.querySelectorAll("button")];
  busy(controls, true);
  clearProblem(scope);
  try {
    const { data } = await request(apiMethod, apiUrl, { ...payload, ifMatch });
    element.dispatchEvent(new CustomEvent("synthlab:done", { bubbles: true, detail: data }));
    if (next !== undefined) location.assign(filled(next, data));
    else if (stay === undefined) location.reload();
    else busy(controls, false);
  } catch (error) {
    busy(controls, false);
    showProblem(scope, error);
  }
}

/**
 * The data attributes, also of a form with a field that is named "dataset": such a field hides the property.
 *
 * @param {HTMLElement} element
 * @returns {DOMStringMap}
 */
function dataOf(element) {
  return Reflect.get(HTMLElement.prototype, "dataset", element);
}

/** @param {HTMLElement} element */
function submitterOf(element) {
  return element instanceof HTMLButtonElement ? element : element.querySelector("button[type=submit], button:not([type])");
}

/**
 * @param {HTMLButtonElement[]} controls
 * @param {boolean} isBusy
 */
function busy(controls, isBusy) {
  for (const control of controls) {
    control.disabled = isBusy;
    control.toggleAttribute("aria-busy", false);
    if (isBusy) control.setAttribute("aria-busy", "true");
  }
}

/**
 * The fields of a form as a JSON body.
 *
 * @param {HTMLFormElement} form
 */
export function bodyOf(form) {
  /** @type {Record<string, unknown>} */
  const body = {};
  for (const field of form.elements) {
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement)) continue;
    const value = field.name && !field.disabled ? valueOf(field) : undefined;
    if (value !== undefined && field.name !== "csrfmiddlewaretoken") put(body, field.name.split("."), value);
  }
  return body;
}

/** @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} field */
function valueOf(field) {
  const { json, lines } = field.dataset;
  if (field instanceof HTMLInputElement && field.type === "radio" && !field.checked) return undefined;
  if (field instanceof HTMLInputElement && field.type === "checkbox") {
    if (json === "boolean") return field.checked;
    return field.checked ? field.value : undefined;
  }
  if (field instanceof HTMLSelectElement && field.multiple) return [...field.selectedOptions].map(({ value }) => value);
  const text = field.value.trim();
  if (lines !== undefined) return text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (text === "" && field.dataset["empty"] === "null") return null;
  if (text === "" && !field.required) return undefined;
  if (json === "number") return Number(text);
  if (json === "boolean") return text === "true";
  return json === "json" ? JSON.parse(text) : text;
}

/** @param {Element | null} scope */
export function clearProblem(scope) {
  scope?.querySelector("[data-problem]")?.setAttribute("hidden", "");
  for (const error of scope?.querySelectorAll("[data-field-error]") ?? []) error.remove();
  for (const field of scope?.querySelectorAll("[aria-invalid]") ?? []) field.removeAttribute("aria-invalid");
}

/**
 * @param {Element | null} scope
 * @param {unknown} error
 */
export function showProblem(scope, error) {
  const { title, detail, action, requestId } = explain(error);
  const box = scope?.querySelector("[data-problem]");
  if (error instanceof Problem && scope) markFields(scope, error.fieldErrors);
  if (!box) {
    toast(`${title}. ${detail} ${action}`, { tone: "bad" });
    return;
  }
  const fill = (/** @type {string} */ name, /** @type {string} */ text) => {
    const place = box.querySelector(`[data-problem-${name}]`);
    if (place) place.textContent = text;
  };
  fill("title", title);
  fill("detail", detail === title ? "" : detail);
  fill("action", action);
  fill("id", requestId ? `Reference ${requestId}` : "");
  box.removeAttribute("hidden");
  box.scrollIntoView({ block: "nearest" });
}

/**
 * @param {Element} scope
 * @param {Record<string, string[]>} errors by field name
 */
function markFields(scope, errors) {
  for (const [name, texts] of Object.entries(errors)) {
    const field = scope.querySelector(`[name="${CSS.escape(name)}"]`);
    if (!field) continue;
    const id = `error-${name}`;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-errormessage", id);
    field.closest(".field")?.append(h("p", { class: "field-error", id, "data-field-error": true }, texts.join(" ")));
  }
}
