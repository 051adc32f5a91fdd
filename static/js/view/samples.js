// @ts-check
/** Small pictures from raw samples, painted with the window that an image opens with. */

import { request } from "../api.js";
import { paint, readRaster } from "../model/raster.js";
import { lookupTable, openingPreset, PRESETS } from "../model/window.js";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} url of the samples
 * @returns {Promise<import("../model/types.js").Size>} of the picture
 */
export async function drawSamples(canvas, url) {
  const { data, headers } = await request("GET", url, { as: "buffer", timeoutMs: 30_000 });
  const raster = readRaster(data, headers);
  canvas.width = raster.width;
  canvas.height = raster.height;
  const context = canvas.getContext("2d");
  const preset = PRESETS[openingPreset(raster)];
  if (context && preset) {
    const pixels = context.createImageData(raster.width, raster.height);
    paint(raster, lookupTable(preset.of(raster), raster.bits), pixels.data);
    context.putImageData(pixels, 0, 0);
  }
  return raster;
}
