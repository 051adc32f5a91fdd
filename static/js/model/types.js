// @ts-check
/**
 * The words of the reading page as types. This module imports nothing and runs nothing.
 *
 * All geometry is in image pixels, as floats, with the origin at the top left corner of the image.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 * @typedef {{points: [number, number][]}} Polygon
 * @typedef {{width: number, height: number}} Size
 *
 * @typedef {"box" | "polygon" | "point"} ShapeKind
 * @typedef {{id: string, kind: "box", class: string, geometry: Box}} BoxShape
 * @typedef {{id: string, kind: "polygon", class: string, geometry: Polygon}} PolygonShape
 * @typedef {{id: string, kind: "point", class: string, geometry: Point}} PointShape
 * @typedef {BoxShape | PolygonShape | PointShape} Shape
 *
 * @typedef {"required" | "optional" | "none"} RegionRule
 * @typedef {{
 *   key: string, title: string, colour: string, key_hint?: string | null, kind?: string,
 *   region_kinds: Partial<Record<string, RegionRule>>
 * }} LabelClass
 * @typedef {{key: string, title: string, key_hint?: string | null}} Choice
 * @typedef {{mode: "one" | "many", classes: LabelClass[], sites: Choice[], discard_reasons: Choice[]}} Schema
 *
 * @typedef {{
 *   classes: string[], shapes: Shape[], confidence: number | null, site: string | null,
 *   comment: string, flagged: boolean
 * }} Answer What the reader has said so far, as the page holds it; never changed in place.
 *
 * @typedef {{kind: string, class: string, geometry: unknown}} WireRegion
 * @typedef {{
 *   decision: "labelled" | "discarded", classes: string[], discard_reason: string | null,
 *   confidence: number | null, site: string | null, comment: string, regions: WireRegion[],
 *   active_seconds: number, idle_seconds: number, flag_second_opinion: boolean
 * }} WireAnswer The same answer as the REST API takes it.
 *
 * @typedef {number | string} Rev
 * @typedef {{done: number, total: number, eta_seconds: number | null}} Progress
 * @typedef {{
 *   id: string, rev: Rev, state: string, lease_until: string | null, pixels_url: string,
 *   draft: WireAnswer | null, progress: Progress | null, note?: string, note_at?: Point | null
 * }} Read
 * @typedef {{
 *   id: string, submitted_at: string, active_seconds: number, pixels_url: string, answer: WireAnswer, can_reopen: boolean
 * }} OwnAnswer One of the reader's answers that the server has.
 * @typedef {{reads: Read[], reason: string | null, until: string | null}} Claim
 *
 * @typedef {{width: number, height: number, channels: 1 | 3, bits: 8 | 16,
 *   samples: Uint8Array | Uint16Array}} Raster
 * @typedef {{low: number, high: number}} Window Sample values shown black and white.
 * @typedef {{scale: number, x: number, y: number}} View Screen = image × scale + (x, y).
 *
 * @typedef {{
 *   study: {id: string, title: string, guideline?: string, pixel_size_um?: number | null}, user: {id: string | number, username: string}, schema: Schema,
 *   urls: {claim: string, reads?: string, me?: string, login?: string, home?: string, shortcuts?: string, exemplars?: string},
 *   keys?: Record<string, string>,
 *   lease?: {renew_every_seconds?: number, seconds?: number}
 * }} WorkbenchData
 */

export {};
