// @ts-check
/**
 * The form that shows a grid of images at once (`form[data-sample-url]`): asks the model service through the REST API and
 * shows the grid with its recipe; a problem is shown in the form, in words.
 */

import { request } from "../api.js";
import { describe, recipeOf } from "../model/sample.js";
import { bodyOf, clearProblem, showProblem } from "./forms.js";

const TIMEOUT_MS = 40_000; // longer than the service's own

/** @param {HTMLFormElement} form */
function start(form) {
  const figure = form.querySelector("[data-sample-figure]");
  const image = form.querySelector("[data-sample-image]");
  const recipe = form.querySelector("[data-sample-recipe]");
  const status = form.querySelector("[data-sample-status]");
  const seed = form.elements.namedItem("seed");
  const buttons = [...form.querySelectorAll("button")];
  if (!(image instanceof HTMLImageElement) || !(seed instanceof HTMLInputElement) || !figure || !recipe || !status) return;

  const show = async () => {
    const wish = /** @type {import("../model/sample.js").Wish} */ (/** @type {unknown} */ (bodyOf(form)));
    for (const button of buttons) button.disabled = true;
    clearProblem(form);
    status.textContent = "The images are being made …";
    try {
      const { data, headers } = await request("POST", form.dataset["sampleUrl"] ?? "", {
        body: { ...wish, format: "grid" }, as: "buffer", timeoutMs: TIMEOUT_MS,
      });
      URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(new Blob([data], { type: "image/png" }));
      image.alt = describe(wish);
      recipe.textContent = recipeOf(wish, headers.get("X-Synthlab-Recipe"));
      figure.removeAttribute("hidden");
      status.textContent = "";
    } catch (error) {
      figure.setAttribute("hidden", "");
      status.textContent = "";
      showProblem(form, error);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void show();
  });
  form.querySelector("[data-sample-next]")?.addEventListener("click", () => {
    seed.value = String(Number(seed.value) + 1);
    if (form.reportValidity()) void show();
  });
}

for (const form of document.querySelectorAll("form[data-sample-url]")) {
  if (form instanceof HTMLFormElement) start(form);
}
