// @ts-check
/** The page of a study's exemplars: paints those that are shown. */

import { explain } from "../errors.js";
import { drawSamples } from "../view/samples.js";
import { toast } from "../view/toasts.js";

for (const canvas of document.querySelectorAll("canvas[data-pixels]")) {
  if (!(canvas instanceof HTMLCanvasElement)) continue;
  drawSamples(canvas, canvas.dataset["pixels"] ?? "").catch((error) => toast(explain(error).detail, { tone: "bad" }));
}
