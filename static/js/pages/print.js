// @ts-check
/** A button with `data-print` opens the browser's own dialog for printing. */

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}
