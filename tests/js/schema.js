// @ts-check
/** @type {import("../../static/js/model/types.js").Schema} */
export const GLANDS = {
  mode: "one",
  classes: [
    { key: "dab-positive", title: "DAB-positive gland", colour: "#e0a030", key_hint: "1", kind: "finding", region_kinds: { box: "required", polygon: "optional" } },
    { key: "dab-negative", title: "DAB-negative gland", colour: "#4f9dde", key_hint: "2", kind: "finding", region_kinds: { box: "required" } },
    { key: "stroma", title: "Stroma", colour: "#a06cd5", key_hint: "3", kind: "finding", region_kinds: { box: "none" } },
    { key: "normal", title: "Normal", colour: "#60b070", key_hint: "4", kind: "normal", region_kinds: {} },
  ],
  sites: [],
  discard_reasons: [{ key: "blur", title: "Blurred", key_hint: "1" }, { key: "artefact", title: "Artefact" }],
};

/** @type {import("../../static/js/model/types.js").Schema} */
export const GLANDS_MANY = { ...GLANDS, mode: "many" };

/** @param {string} id @param {string} [classKey] @returns {import("../../static/js/model/types.js").BoxShape} */
export function box(id, classKey = "dab-positive") {
  return { id, kind: "box", class: classKey, geometry: { x: 10, y: 20, width: 8, height: 6 } };
}
