// @ts-check
/**
 * The class mix in the form that asks for images (`[data-class-mix]`): evenly, in shares or in counts, with the sum said
 * while one types.
 */

import { evenly, mixOf } from "../model/class-mix.js";

/** @param {HTMLElement} part */
function start(part) {
  const form = part.closest("form");
  const mode = part.querySelector("[data-mix-mode]");
  const sent = part.querySelector("[data-mix-sent]");
  const sum = part.querySelector("[data-mix-sum]");
  const count = form?.elements.namedItem("count");
  const fields = [...part.querySelectorAll("[data-mix-class]")].filter((field) => field instanceof HTMLInputElement);
  if (!form || !(mode instanceof HTMLSelectElement) || !(sent instanceof HTMLInputElement) || !(count instanceof HTMLInputElement)) return;

  function fill() {
    const inCounts = mode instanceof HTMLSelectElement && mode.value === "counts";
    const whole = inCounts && count instanceof HTMLInputElement ? Number(count.value) : 100;
    evenly(fields.length, whole, inCounts ? 1 : 0.01).forEach((number, place) => {
      const field = fields[place];
      if (field) field.value = String(number);
    });
  }

  function follow() {
    if (!(mode instanceof HTMLSelectElement) || !(sent instanceof HTMLInputElement) || !(count instanceof HTMLInputElement)) return;
    const chosen = mode.value === "shares" || mode.value === "counts" ? mode.value : "even";
    for (const field of fields) {
      field.disabled = chosen === "even";
      field.step = chosen === "counts" ? "1" : "0.01";
    }
    const numbers = Object.fromEntries(fields.map((field) => [field.dataset["mixClass"] ?? "", Number(field.value)]));
    const { mix, said, fits } = mixOf(chosen, numbers, Number(count.value));
    sent.value = mix ? JSON.stringify(mix) : "";
    if (sum) sum.textContent = said;
    sum?.classList.toggle("field-error", !fits);
  }

  mode.addEventListener("change", () => {
    fill();
    follow();
  });
  form.addEventListener("input", follow);
  fill();
  follow();
}

for (const part of document.querySelectorAll("[data-class-mix]")) {
  if (part instanceof HTMLElement) start(part);
}
