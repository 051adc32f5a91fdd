// @ts-check
/** From fields of a form to the body of a request, and from an answer to the next address. Pure. */

/**
 * Sets a nested member; a name that comes again, as with several check boxes, makes a list.
 *
 * @param {Record<string, any>} body
 * @param {string[]} path
 * @param {unknown} value
 */
export function put(body, path, value) {
  const [name = "", ...rest] = path;
  if (rest.length > 0) put((body[name] ??= {}), rest, value);
  else if (name in body) body[name] = [body[name], value].flat();
  else body[name] = value;
}

/**
 * An address with the members of an answer in their places.
 *
 * @param {string} template
 * @param {any} data
 */
export function filled(template, data) {
  return template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(data?.[name] ?? ""));
}
