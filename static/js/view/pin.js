// @ts-check
/** A pin: the place on an image that a reviewer's comment is about. */

import { svg } from "./dom.js";

const OUTLINE = "M0 0l-6 -11a7 7 0 1 1 12 0z";

/**
 * @param {number | string} x of its tip, in the units of what it is put into; a share such as "50%" goes with the size
 * @param {number | string} y
 */
export function pinNode(x, y) {
  return svg("svg", { class: "pin", x, y, overflow: "visible" },
    svg("path", { class: "pin-halo", d: OUTLINE }),
    svg("path", { class: "pin-shape", d: OUTLINE }),
    svg("circle", { class: "pin-hole", cx: 0, cy: -14.5, r: 2.5 }),
  );
}
