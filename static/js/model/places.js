// @ts-check
/** Places in an upload, in words. Pure. */

/**
 * A place of the upload in words: `3`, `3/17` in an archive, `3#2` for a frame, `3!4` for a box, `3@352,16` for a tile, `3:12` for a line of a table.
 *
 * @param {string} ordinal
 * @param {string[]} names by the first number
 * @returns {string | null} null where the name is not known
 */
export function placeInWords(ordinal, names) {
  const [, file = "", rest = ""] = /^(\d+)(.*)$/.exec(ordinal) ?? [];
  const name = names[Number(file)];
  if (file === "" || name === undefined) return null;
  const inside = rest.replace(/\/(\d+)/, ", entry $1").replace(/#(\d+)/, ", frame $1").replace(/@(\d+),(\d+)/, ", tile at $1, $2")
    .replace(/!(\d+)/, ", box $1").replace(/:(\d+)/, ", line $1");
  return `${name}${inside}`;
}
