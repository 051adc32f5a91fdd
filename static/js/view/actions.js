// @ts-check
/**
 * What each key and button does on the reading page.
 *
 * @typedef {import("./workbench.js").Workbench} Workbench
 * @typedef {Record<string, (argument: string) => void>} Actions
 */

import { describeExactly, describePoint, growShape, moveShape } from "../model/shapes.js";
import { openHelp } from "./help.js";

/** @type {Record<string, [number, number]>} */
const ARROWS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };
/** @type {Record<string, [number, number]>} */
const GROWTH = { narrower: [-1, 0], wider: [1, 0], lower: [0, -1], taller: [0, 1] };
/** Screen pixels the image moves for one arrow key. */
const PAN_STEP = 60;
const ZOOM_STEP = 1.25;

/**
 * @param {Workbench} bench
 * @returns {Actions}
 */
export function actionsFor(bench) {
  return { ...answerActions(bench), ...imageActions(bench), ...arrowActions(bench) };
}

/**
 * @param {Workbench} bench
 * @returns {Actions}
 */
function answerActions(bench) {
  return {
    submit: () => bench.enter(),
    discard: () => bench.choices.toggle("discard"),
    skip: () => bench.choices.toggle("skip"),
    class: (key) => bench.chooseClass(key),
    reason: (key) => bench.choices.pick("discard", key),
    why: (key) => bench.choices.pick("skip", key),
    confidence: (value) => bench.setConfidence(Number(value)),
    flag: () => bench.toggleFlag(),
    comment: () => bench.panel.focusComment(),
    undo: () => void bench.undo(),
    redo: () => bench.redo(),
    history: () => bench.say(bench.own.toggle() ? "Your own answers" : "Your own answers closed"),
    extend: () => bench.extend(),
    cancel: () => bench.cancel(),
    delete: () => bench.marks.remove(bench.stage.selected),
    "next-shape": () => bench.marks.step(1),
    "previous-shape": () => bench.marks.step(-1),
    tool: (name) => bench.takeTool(/** @type {import("../tools/registry.js").ToolName} */ (name)),
  };
}

/**
 * @param {Workbench} bench
 * @returns {Actions}
 */
function imageActions(bench) {
  const { viewer } = bench.stage;
  return {
    hide: () => bench.hideMarks(true),
    "zoom-in": () => viewer.zoom(ZOOM_STEP),
    "zoom-out": () => viewer.zoom(1 / ZOOM_STEP),
    fit: () => viewer.fit(),
    actual: () => viewer.actualSize(),
    smooth: () => {
      viewer.toggleSmooth();
      bench.say(viewer.isSmooth ? "Smooth pixels" : "Nearest pixels");
    },
    invert: () => {
      viewer.toggleInverted();
      bench.say(viewer.isInverted ? "Light and dark swapped" : "Light and dark as usual");
    },
    "window-reset": () => bench.sliders.reset(),
    "preset-previous": () => bench.say(bench.sliders.stepPreset(-1)),
    "preset-next": () => bench.say(bench.sliders.stepPreset(1)),
    guideline: () => bench.say(bench.guideline.toggle() ? "Guideline" : "Guideline closed"),
    help: () => openHelp(bench.shortcuts, bench.keys),
  };
}

/**
 * @param {Workbench} bench
 * @returns {Actions}
 */
function arrowActions(bench) {
  const moves = Object.entries(ARROWS).map(([id, [dx, dy]]) => [id, (/** @type {string} */ name) => arrow(bench, dx, dy, stepFor(bench, name))]);
  const growths = Object.entries(GROWTH).map(([id, [dx, dy]]) => [id, (/** @type {string} */ name) => grow(bench, dx, dy, stepFor(bench, name))]);
  return Object.fromEntries([...moves, ...growths]);
}

/**
 * One hundredth of the image, at least a pixel; with Ctrl exactly one.
 *
 * @param {Workbench} bench
 * @param {string} name of the press
 */
function stepFor(bench, name) {
  const { width, height } = bench.stage.size;
  return name.startsWith("Ctrl+") ? 1 : Math.max(1, Math.round(Math.max(width, height) / 100));
}

/**
 * @param {Workbench} bench
 * @param {number} dx
 * @param {number} dy
 * @param {number} step
 */
function arrow(bench, dx, dy, step) {
  const { stage } = bench;
  const shape = bench.marks.selected();
  if (stage.isDrawing) bench.say(describePoint(stage.moveCrosshair(dx * step, dy * step), stage.size));
  else if (shape) reshape(bench, moveShape(shape, dx * step, dy * step, stage.size), `move ${shape.id}`);
  else stage.viewer.pan(-dx * PAN_STEP, -dy * PAN_STEP);
}

/**
 * @param {Workbench} bench
 * @param {number} dx
 * @param {number} dy
 * @param {number} step
 */
function grow(bench, dx, dy, step) {
  const shape = bench.marks.selected();
  if (shape) reshape(bench, growShape(shape, dx * step, dy * step, bench.stage.size), `grow ${shape.id}`);
}

/**
 * Changes a shape by keys, and says where it lies now.
 *
 * @param {Workbench} bench
 * @param {import("../model/types.js").Shape} shape
 * @param {string} merge
 */
function reshape(bench, shape, merge) {
  bench.marks.change(shape, merge);
  bench.say(describeExactly(shape, bench.stage.size));
}
