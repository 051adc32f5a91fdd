// @ts-check
/**
 * Shapes, handles, the outline being drawn and the crosshair, in SVG over the canvas.
 *
 * Everything is drawn in screen pixels, so lines and handles keep their size at every zoom, and each
 * line lies on a dark one, so that it can be seen on any ground.
 *
 * @typedef {import("../model/types.js").Point} Point
 * @typedef {import("../model/types.js").Shape} Shape
 * @typedef {import("../model/types.js").View} View
 * @typedef {{
 *   view: View, shapes: Shape[], selected: string | null, colourOf: (key: string) => string,
 *   preview: Point[] | null, previewColour: string, crosshair: Point | null, pin: Point | null, isHidden: boolean
 * }} Scene
 */

import { boxFromCorners } from "../model/geometry.js";
import { handlesOf } from "../model/shapes.js";
import { toScreen } from "../model/transform.js";
import { arrange, svg } from "./dom.js";
import { pinNode } from "./pin.js";

export class Overlay {
  #shapes = svg("g");
  #rest = svg("g");
  /** What is drawn, by the shape's id: made anew only when it looks different. @type {Map<string, {shape: Shape, look: string, node: SVGElement}>} */
  #drawn = new Map();

  /** @param {SVGSVGElement} root fills the viewer */
  constructor(root) {
    this.root = root;
    root.replaceChildren(this.#shapes, this.#rest);
  }

  /** @param {Scene} scene */
  draw(scene) {
    this.root.style.visibility = scene.isHidden ? "hidden" : "";
    const chosen = scene.shapes.find(({ id }) => id === scene.selected);
    const drawn = new Map(scene.shapes.map((shape) => [shape.id, this.#shape(shape, scene)]));
    this.#drawn = drawn;
    arrange(this.#shapes, scene.shapes.flatMap(({ id }) => drawn.get(id)?.node ?? []));
    this.#rest.replaceChildren(
      ...(chosen ? handlesOf(chosen).map(({ name, at }) => handleNode(name, toScreen(scene.view, at))) : []),
      ...previewNodes(scene),
      ...(scene.pin ? [pinAt(toScreen(scene.view, scene.pin))] : []),
      ...(scene.crosshair ? [crosshairNode(toScreen(scene.view, scene.crosshair))] : []),
    );
  }

  /**
   * @param {Shape} shape
   * @param {Scene} scene
   */
  #shape(shape, scene) {
    const { view, selected, colourOf } = scene;
    const look = [view.scale, view.x, view.y, colourOf(shape.class), shape.id === selected].join(" ");
    const known = this.#drawn.get(shape.id);
    return known?.shape === shape && known.look === look ? known : { shape, look, node: shapeNode(shape, scene) };
  }
}

/**
 * @param {Shape} shape
 * @param {Scene} scene
 */
function shapeNode(shape, { view, selected, colourOf }) {
  const outline = pathOf(shape, view);
  const isSelected = shape.id === selected;
  return svg(
    "g",
    { class: `shape shape-${shape.kind}${isSelected ? " is-selected" : ""}`, "data-shape": shape.id, "data-class": shape.class },
    svg("path", { class: "shape-halo", d: outline }),
    svg("path", { class: "shape-line", d: outline, stroke: colourOf(shape.class) }),
  );
}

/**
 * @param {Shape} shape
 * @param {View} view
 */
export function pathOf(shape, view) {
  if (shape.kind === "point") return pointPath(toScreen(view, shape.geometry));
  if (shape.kind === "box") return boxPath(shape.geometry, view);
  return closedPath(shape.geometry.points.map(([x, y]) => toScreen(view, { x, y })));
}

/**
 * @param {import("../model/types.js").Box} box
 * @param {View} view
 */
function boxPath(box, view) {
  const { x, y } = toScreen(view, box);
  return `M${x} ${y}h${box.width * view.scale}v${box.height * view.scale}h${-box.width * view.scale}z`;
}

/** @param {Point[]} points */
function closedPath(points) {
  return `M${points.map(({ x, y }) => `${x} ${y}`).join("L")}z`;
}

/** @param {Point} at */
function pointPath({ x, y }) {
  return `M${x - 9} ${y}h6M${x + 3} ${y}h6M${x} ${y - 9}v6M${x} ${y + 3}v6M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0-10 0z`;
}

/**
 * @param {string} name
 * @param {Point} at
 */
function handleNode(name, { x, y }) {
  if (name === "move") return svg("circle", { class: "handle handle-move", "data-handle": name, cx: x, cy: y, r: 5 });
  return svg("rect", { class: "handle", "data-handle": name, x: x - 5, y: y - 5, width: 10, height: 10 });
}

/** @param {Scene} scene */
function previewNodes({ preview, view, previewColour }) {
  if (!preview) return [];
  const [first, second] = preview;
  const isBox = preview.length === 2 && first && second;
  const path = isBox
    ? boxPath(boxFromCorners(first, second), view)
    : closedPath(preview.map((point) => toScreen(view, point)));
  return [
    svg("path", { class: "shape-halo", d: path }),
    svg("path", { class: "shape-line is-preview", d: path, stroke: previewColour }),
  ];
}

/** @param {Point} at */
function pinAt({ x, y }) {
  return pinNode(x, y);
}

/** @param {Point} at */
function crosshairNode({ x, y }) {
  const path = `M0 ${y}H10000M${x} 0V10000`;
  return svg("g", { class: "crosshair" }, svg("path", { class: "shape-halo", d: path }), svg("path", { class: "shape-line", d: path }));
}
