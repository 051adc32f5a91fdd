// @ts-check
/**
 * The tools by name. A new way to draw, our own or a library's behind an adapter, is one row here.
 *
 * @typedef {import("./tool.js").Desk} Desk
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {"select" | "box" | "extreme" | "polygon" | "point" | "window"} ToolName
 * @typedef {{
 *   name: ToolName, title: string, draws: import("../model/types.js").ShapeKind | null,
 *   hint: string, make: (desk: Desk) => Tool
 * }} ToolRow `hint` is shown over the image while the tool is in hand.
 */

import { BoxTool } from "./box.js";
import { ExtremeTool } from "./extreme.js";
import { PointTool } from "./point.js";
import { PolygonTool } from "./polygon.js";
import { SelectTool } from "./select.js";
import { WindowTool } from "./window.js";

/** @type {ToolRow[]} */
export const TOOLS = [
  { name: "select", title: "Select and move", draws: null, hint: "", make: (desk) => new SelectTool(desk) },
  {
    name: "box", title: "Box", draws: "box", make: (desk) => new BoxTool(desk),
    hint: "Drag, or click two corners. Arrows and Enter place one by keys.",
  },
  {
    name: "extreme", title: "Box by its four outermost points", draws: "box", make: (desk) => new ExtremeTool(desk),
    hint: "Click the leftmost, rightmost, highest and lowest point, in any order.",
  },
  {
    name: "polygon", title: "Polygon", draws: "polygon", make: (desk) => new PolygonTool(desk),
    hint: "Click the corners; Enter closes the outline.",
  },
  {
    name: "point", title: "Point", draws: "point", make: (desk) => new PointTool(desk),
    hint: "Click the place. Arrows and Enter place one by keys.",
  },
  {
    name: "window", title: "Brightness and contrast", draws: null, make: (desk) => new WindowTool(desk),
    hint: "Drag sideways for contrast, up and down for brightness.",
  },
];

/**
 * @param {ToolName} name
 * @returns {ToolRow}
 */
export function toolRow(name) {
  const row = TOOLS.find((one) => one.name === name);
  if (!row) throw new Error(`no tool is called ${name}`);
  return row;
}
