// @ts-check
/** File names of an upload, kept in this tab only: they can name a patient. */

import { placeInWords } from "../model/places.js";

/** @param {string} ingest */
const memoryKey = (ingest) => `upload-names ${ingest}`;

/**
 * @param {string} ingest
 * @param {string[]} names by place
 */
export function rememberNames(ingest, names) {
  try {
    sessionStorage.setItem(memoryKey(ingest), JSON.stringify(names));
  } catch {
    // Full: places are then shown as numbers, which is what everybody else sees.
  }
}

/** In the place of each ordinal, the name that only this tab knows. @param {ParentNode} [root] */
export function nameOrdinals(root = document) {
  for (const list of root.querySelectorAll("[data-upload-names]")) {
    const names = JSON.parse(sessionStorage.getItem(memoryKey(list.getAttribute("data-upload-names") ?? "")) ?? "[]");
    for (const cell of list.querySelectorAll("[data-ordinal]")) {
      const words = placeInWords(cell.getAttribute("data-ordinal") ?? "", names);
      if (words !== null) cell.textContent = words;
    }
  }
}
