// @ts-check
/**
 * Files out of what was dropped or chosen: folders are walked, whatever their depth.
 *
 * @typedef {{path: string, file: File}} Found
 */

/**
 * @param {DataTransfer} transfer
 * @returns {Promise<Found[]>}
 */
export async function droppedFiles(transfer) {
  // Entries must be taken before the first pause: the transfer is emptied after the event.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const loose = [...transfer.files];
  if (!entries.some(Boolean)) return chosenFiles(loose);
  const found = await Promise.all(entries.filter((entry) => entry !== null).map((entry) => walk(entry, "")));
  return found.flat();
}

/**
 * @param {Iterable<File>} files of an input
 * @returns {Found[]}
 */
export function chosenFiles(files) {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/**
 * @param {FileSystemEntry} entry
 * @param {string} above path of the folder it is in
 * @returns {Promise<Found[]>}
 */
async function walk(entry, above) {
  const path = above ? `${above}/${entry.name}` : entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    return [{ path, file: /** @type {File} */ (file) }];
  }
  const found = [];
  for (const inner of await children(/** @type {FileSystemDirectoryEntry} */ (entry))) found.push(...(await walk(inner, path)));
  return found;
}

/** @param {FileSystemDirectoryEntry} folder @returns {Promise<FileSystemEntry[]>} */
async function children(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all; // a browser hands out a hundred at a time
    all.push(...some);
  }
}
