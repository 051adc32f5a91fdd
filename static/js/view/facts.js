// @ts-check
/** What the image is shown as: how large, through which window, smooth or inverted, and a bar that tells lengths. */

import { scaleBar } from "../model/scale-bar.js";
import { PRESETS } from "../model/window.js";
import { byId, show } from "./dom.js";

/**
 * @param {import("./viewer.js").Viewer} viewer
 * @param {number | null} pixelSize side of an image pixel in micrometres, where it is known
 */
export function drawFacts(viewer, pixelSize) {
  const { raster, view, preset, isSmooth, isInverted } = viewer;
  const place = byId("viewer-facts", HTMLElement);
  const zoom = Math.round(view.scale * devicePixelRatio * 100);
  const window = preset === null ? "own window" : (PRESETS[preset]?.title ?? "");
  place.textContent = raster ? [`${zoom} %`, window, isSmooth && "smooth", isInverted && "inverted"].filter(Boolean).join(" · ") : "";
  drawBar(raster && pixelSize ? scaleBar(pixelSize, view.scale) : null);
}

/** @param {{pixels: number, text: string} | null} bar */
function drawBar(bar) {
  const place = byId("viewer-scale", HTMLElement);
  show(place, bar !== null);
  if (!bar) return;
  place.style.setProperty("--bar", `${bar.pixels}px`);
  place.textContent = bar.text;
}
