// @ts-check
/**
 * What is to be uploaded, and what may be told about it. Pure.
 *
 * @typedef {{name: string, size: number, lastModified?: number}} FileLike
 * @typedef {"waiting" | "sending" | "sent" | "failed"} State
 * @typedef {{path: string, size: number, file: any, state: State, sent: number, problem: string, key: string}} Entry
 *   `path`: name with folders, known to this tab only; `key`: what makes it the same file as another
 */

export const MOST_FILES = 10_000;
const SYSTEM_FILES = /^(\.|~\$|Thumbs\.db$|desktop\.ini$|__MACOSX$)/i;
const COMPANIONS = /\.(csv|xml|json)$/i;

/** Whether a file or folder is of the operating system, which nobody means to upload. @param {string} path */
export function isSystemFile(path) {
  return path.split("/").some((part) => SYSTEM_FILES.test(part));
}

export class UploadList {
  /** @param {number} mostBytes that one upload may hold */
  constructor(mostBytes) {
    this.mostBytes = mostBytes;
    /** @type {Entry[]} */
    this.entries = [];
    this.skipped = 0;
    /** @type {Map<string, Entry>} */
    this.known = new Map();
  }

  /**
   * @param {{path: string, file: FileLike}[]} found
   * @returns {Entry[]} those that are new in the list
   */
  add(found) {
    const added = [];
    for (const { path, file } of found) {
      // Two folders may each hold a file of this name; the same file chosen twice is one.
      const key = [path, file.size, file.lastModified ?? 0].join("|");
      if (isSystemFile(path)) this.skipped += 1;
      else if (!this.known.has(key)) {
        /** @type {Entry} */
        const entry = { path, size: file.size, file, state: "waiting", sent: 0, problem: "", key };
        this.known.set(key, entry);
        this.entries.push(entry);
        added.push(entry);
      }
    }
    return added;
  }

  /** @param {Entry} entry */
  remove(entry) {
    this.known.delete(entry.key);
    this.entries = this.entries.filter((other) => other !== entry);
  }

  clear() {
    this.entries = [];
    this.known.clear();
    this.skipped = 0;
  }

  get bytes() {
    return this.entries.reduce((sum, { size }) => sum + size, 0);
  }

  get sentBytes() {
    return this.entries.reduce((sum, { sent }) => sum + sent, 0);
  }

  /** @param {State} state */
  count(state) {
    return this.entries.filter((entry) => entry.state === state).length;
  }

  /** Why this cannot be sent as it is; empty when it can. */
  get obstacle() {
    if (this.entries.length > MOST_FILES) {
      return `${this.entries.length} files are chosen; one upload takes ${MOST_FILES}. Put them into a zip, or remove some.`;
    }
    if (this.bytes > this.mostBytes) {
      return `${inBytes(this.bytes)} are chosen; one upload takes ${inBytes(this.mostBytes)}. Remove some, and send them as another upload.`;
    }
    return "";
  }
}

/** @param {number} bytes */
export function inBytes(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`;
}

/**
 * What of the names leaves the tab, and why: classes, where the person says that folders are classes; keys of patients,
 * where folders are patients (the server keeps a salted digest only); names, where a table or annotations among the files
 * speak of others by name (used in memory while reading, and deleted with the upload).
 *
 * @param {Entry[]} entries
 * @param {string} folders what folders mean: "classes", "patients" or nothing
 * @returns {{classes?: Record<string, string>, groups?: Record<string, string>, names?: Record<string, string>}}
 */
export function toldOf(entries, folders) {
  const paths = entries.map(({ path }) => path);
  /** @param {(path: string) => string} value */
  const byPlace = (value) => Object.fromEntries(paths.map((path, place) => [String(place), value(path)]).filter(([, text]) => text));
  return {
    ...(folders === "classes" ? { classes: byPlace((path) => path.split("/").at(-2) ?? "") } : {}),
    ...(folders === "patients" ? { groups: byPlace((path) => path.split("/").slice(0, -1).join("/")) } : {}),
    ...(speaksOfNames(entries) ? { names: byPlace((path) => path) } : {}),
  };
}

/** Whether a table or annotations are among the files, which speak of others by name. @param {Entry[]} entries */
export function speaksOfNames(entries) {
  return entries.some(({ path }) => COMPANIONS.test(path));
}
