// @ts-check
/**
 * A value that can be watched. Pure.
 *
 * @template {object} T
 */
export class Store {
  /** @type {Set<(state: T, old: T) => void>} */
  #watchers = new Set();

  /** @param {T} initial */
  constructor(initial) {
    this.state = initial;
  }

  /** @param {Partial<T>} change */
  set(change) {
    const old = this.state;
    this.state = { ...old, ...change };
    for (const watcher of this.#watchers) watcher(this.state, old);
  }

  /**
   * @param {(state: T, old: T) => void} watcher called after every change
   * @returns {() => void} stops watching
   */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
