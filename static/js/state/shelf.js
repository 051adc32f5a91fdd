// @ts-check
/**
 * Where the journal lies: IndexedDB, or memory where the browser has none to give.
 *
 * @typedef {import("./journal.js").Entry} Entry
 * @typedef {{
 *   keeps: boolean,
 *   put(entry: Entry): Promise<void>,
 *   remove(id: string): Promise<void>,
 *   get(id: string): Promise<Entry | undefined>,
 *   all(): Promise<Entry[]>,
 * }} Shelf `keeps` tells whether entries outlive the page.
 */

const STORE = "entries";

/**
 * @param {IDBFactory | undefined} factory
 * @param {string} [name]
 * @returns {Promise<Shelf>}
 */
export async function openShelf(factory, name = "synthlab-journal") {
  if (!factory) return new MemoryShelf();
  try {
    return new DatabaseShelf(await openDatabase(factory, name));
  } catch {
    return new MemoryShelf();
  }
}

/**
 * @param {IDBFactory} factory
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
function openDatabase(factory, name) {
  const request = factory.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
  return settled(request);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @implements {Shelf} */
export class DatabaseShelf {
  keeps = true;

  /** @param {IDBDatabase} database */
  constructor(database) {
    this.database = database;
    // Another tab that wants a newer layout must not wait for this one.
    database.onversionchange = () => database.close();
  }

  /** @param {Entry} entry */
  async put(entry) {
    await this.#write((store) => store.put(entry));
  }

  /** @param {string} id */
  async remove(id) {
    await this.#write((store) => store.delete(id));
  }

  /**
   * @param {string} id
   * @returns {Promise<Entry | undefined>}
   */
  async get(id) {
    return settled(this.database.transaction(STORE).objectStore(STORE).get(id));
  }

  /** @returns {Promise<Entry[]>} */
  async all() {
    return settled(this.database.transaction(STORE).objectStore(STORE).getAll());
  }

  /**
   * Ends when the transaction is complete, not when its request was: only then is it on the disk.
   *
   * @param {(store: IDBObjectStore) => IDBRequest} work
   * @returns {Promise<void>}
   */
  #write(work) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(STORE, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
      work(transaction.objectStore(STORE));
    });
  }
}

/** @implements {Shelf} */
export class MemoryShelf {
  keeps = false;
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /** @param {Entry} entry */
  async put(entry) {
    this.#entries.set(entry.id, structuredClone(entry));
  }

  /** @param {string} id */
  async remove(id) {
    this.#entries.delete(id);
  }

  /** @param {string} id */
  async get(id) {
    return structuredClone(this.#entries.get(id));
  }

  async all() {
    return [...this.#entries.values()].map((entry) => structuredClone(entry));
  }
}
