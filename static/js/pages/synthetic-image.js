// @ts-check
/** One synthetic image: to the next and back by keys, discard and take back, and the nearest real image on request. */

import { explain } from "../errors.js";
import { differenceOf } from "../model/difference.js";
import { Curation } from "../state/curation.js";
import { askWhy } from "../view/discard-dialog.js";
import { byId } from "../view/dom.js";
import { toast } from "../view/toasts.js";

const head = byId("image-head", HTMLElement);
const index = Number(head.dataset["index"]);
const curation = new Curation(head.dataset["api"] ?? "");

async function discard() {
  if (!document.getElementById("discard")) return;
  const why = await askWhy(1);
  if (why) await changed(() => curation.discard([index], why));
}

async function restore() {
  if (document.getElementById("restore")) await changed(() => curation.restore([index]));
}

/** @param {() => Promise<unknown>} work */
async function changed(work) {
  try {
    await work();
    location.reload();
  } catch (error) {
    const { title, detail, action } = explain(error);
    toast(`${title}. ${detail} ${action}`, { tone: "bad" });
  }
}

/** Asks for the real image once; the server records this look. */
async function showReal() {
  const button = document.getElementById("show-real");
  const real = document.getElementById("real");
  if (!(button instanceof HTMLButtonElement) || !(real instanceof HTMLImageElement) || real.src) return;
  button.disabled = true;
  real.src = real.dataset["src"] ?? "";
  try {
    await real.decode();
  } catch {
    button.disabled = false;
    real.removeAttribute("src");
    toast("The real image could not be shown. It may have been withdrawn, or your grant has ended.", { tone: "bad" });
    return;
  }
  byId("real-figure", HTMLElement).hidden = false;
  drawDifference(byId("synthetic", HTMLImageElement), real);
}

/** @param {HTMLImageElement} synthetic @param {HTMLImageElement} real */
function drawDifference(synthetic, real) {
  const { naturalWidth: width, naturalHeight: height } = synthetic;
  const canvas = byId("difference", HTMLCanvasElement);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return;
  const [one, other] = [synthetic, real].map((image) => {
    context.clearRect(0, 0, width, height);
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  });
  if (!one || !other) return;
  const { pixels, mean } = differenceOf(one, other);
  context.putImageData(new ImageData(pixels, width, height), 0, 0);
  byId("difference-said", HTMLElement).textContent = `${mean.toFixed(1)} of 255 on average.`;
  byId("difference-figure", HTMLElement).hidden = false;
}

/** @param {string} selector */
function follow(selector) {
  const link = document.querySelector(selector);
  if (link instanceof HTMLAnchorElement) location.assign(link.href);
}

/** @type {Record<string, () => void>} */
const KEYS = {
  arrowleft: () => follow("a[rel=prev]"),
  arrowright: () => follow("a[rel=next]"),
  escape: () => follow("#back"),
  x: () => void discard(),
  r: () => void restore(),
  n: () => void showReal(),
};

addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});
document.getElementById("discard")?.addEventListener("click", () => void discard());
document.getElementById("restore")?.addEventListener("click", () => void restore());
document.getElementById("show-real")?.addEventListener("click", () => void showReal());
