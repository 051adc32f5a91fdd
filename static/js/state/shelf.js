// @ts-check
/**
 * Where the journal lies: IndexedDB, or memory where the browser has none to give.
 *
 * @typedef {import("./journal.js").Entry} Entry
 * @typedef {{
 *   keeps: boolean,
 *   put(entry: Entry, desk?: KeptDesk): Promise<void>,
 *   remove(id: string): Promise<void>,
 *   get(id: string): Promise<Entry | undefined>,
 *   all(): Promise<Entry[]>,
 *   desk(id: string): Promise<KeptDesk | undefined>,
 *   removeDesk(id: string): Promise<void>,
 *   desks(): Promise<KeptDesk[]>,
 * }} Shelf `keeps` tells whether entries outlive the page; an entry and its desk are put in one go.
 * @typedef {import("./journal.js").KeptDesk} KeptDesk
 */

const STORE = "entries";
const DESKS = "desks";

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
  const request = factory.open(name, 2);
  request.onupgradeneeded = () => {
    const known = request.result.objectStoreNames;
    for (const store of [STORE, DESKS]) if (!known.contains(store)) request.result.createObjectStore(store, { keyPath: "id" });
  };
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

  /** @param {Entry} entry @param {KeptDesk} [desk] */
  async put(entry, desk) {
    await this.#write((transaction) => {
      transaction.objectStore(STORE).put(entry);
      if (desk) transaction.objectStore(DESKS).put(desk);
    });
  }

  /** @param {string} id */
  async remove(id) {
    await this.#write((transaction) => transaction.objectStore(STORE).delete(id));
  }

  /** @param {string} id */
  async removeDesk(id) {
    await this.#write((transaction) => transaction.objectStore(DESKS).delete(id));
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
   * @param {string} id
   * @returns {Promise<KeptDesk | undefined>}
   */
  async desk(id) {
    return settled(this.database.transaction(DESKS).objectStore(DESKS).get(id));
  }

  /** @returns {Promise<KeptDesk[]>} */
  async desks() {
    return settled(this.database.transaction(DESKS).objectStore(DESKS).getAll());
  }

  /**
   * Ends when the transaction is complete, not when its requests were: only then is it on the disk.
   *
   * @param {(transaction: IDBTransaction) => void} work
   * @returns {Promise<void>}
   */
  #write(work) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction([STORE, DESKS], "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
      work(transaction);
    });
  }
}

/** @implements {Shelf} */
export class MemoryShelf {
  keeps = false;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<string, KeptDesk>} */
  #desks = new Map();

  /** @param {Entry} entry @param {KeptDesk} [desk] */
  async put(entry, desk) {
    this.#entries.set(entry.id, structuredClone(entry));
    if (desk) this.#desks.set(desk.id, structuredClone(desk));
  }

  /** @param {string} id */
  async desk(id) {
    return structuredClone(this.#desks.get(id));
  }

  /** @param {string} id */
  async removeDesk(id) {
    this.#desks.delete(id);
  }

  async desks() {
    return [...this.#desks.values()].map((desk) => structuredClone(desk));
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
