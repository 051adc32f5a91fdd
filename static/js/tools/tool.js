// @ts-check
/**
 * What a tool is, and what it is given. Types only.
 *
 * @typedef {import("../model/types.js").Point} Point
 * @typedef {import("../model/types.js").Shape} Shape
 * @typedef {import("../model/types.js").ShapeKind} ShapeKind
 * @typedef {import("../model/types.js").Size} Size
 *
 * @typedef {{image: Point, screen: Point, travelled: number}} Pointer
 *   `travelled`: screen pixels since the button went down.
 *
 * @typedef {{
 *   size(): Size, slack(): number, shapes(): Shape[], selected(): Shape | null,
 *   classFor(kind: ShapeKind): string | null, newId(): string,
 *   commit(shape: Shape): void, change(shape: Shape, merge: string): void,
 *   select(id: string | null): void, pan(dx: number, dy: number): void,
 *   adjustWindow(dx: number, dy: number): void, redraw(): void, refuse(why: string): void, begun(points: Point[]): void
 * }} Desk What a tool may do. `slack`: how near counts as a hit, in image pixels;
 *   `refuse` says why a shape cannot be; `begun` tells the points of a shape that is not finished, none when it is or was given up.
 *
 * @typedef {{
 *   down(pointer: Pointer): void, move(pointer: Pointer): void, up(pointer: Pointer): void,
 *   place(at: Point | null): void, cancel(): boolean, preview(): Point[] | null, resume?(points: Point[]): void, cursorAt(pointer: Pointer): string
 * }} Tool
 *   `place`: Enter, at the crosshair if there is one; `cancel` tells whether it had something to cancel;
 *   `preview`: the outline being drawn, closed; two points are the corners of a box.
 */

/** Below this many screen pixels a press is a click and not a drag. */
export const CLICK_TRAVEL = 4;
