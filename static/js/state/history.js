// @ts-check
/** How many steps are kept over a reload. */
const KEPT = 100;

/**
 * Undo and redo over values that are never changed in place. Pure.
 *
 * Changes with the same `merge` word in a row become one step: typing a comment or nudging a box is
 * undone in one go.
 *
 * @template T
 */
export class History {
  /** @type {T[]} */
  #past;
  /** @type {T[]} */
  #future;
  /** @type {string | null} */
  #merge = null;

  /**
   * @param {T} present
   * @param {{past: T[], future: T[]}} [steps] from an earlier life, as `steps` told them
   */
  constructor(present, { past, future } = { past: [], future: [] }) {
    this.present = present;
    this.#past = [...past];
    this.#future = [...future];
  }

  /** The steps back and forth, oldest and farthest first. */
  get steps() {
    return { past: this.#past.slice(-KEPT), future: this.#future.slice(-KEPT) };
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /**
   * @param {T} next
   * @param {string | null} [merge]
   */
  push(next, merge = null) {
    if (next === this.present) return;
    const joins = merge !== null && merge === this.#merge && this.#past.length > 0;
    if (!joins) this.#past.push(this.present);
    this.#future = [];
    this.#merge = merge;
    this.present = next;
  }

  /** @returns {boolean} whether there was something to undo */
  undo() {
    const last = this.#past.pop();
    if (last === undefined) return false;
    this.#future.push(this.present);
    this.#merge = null;
    this.present = last;
    return true;
  }

  /** @returns {boolean} whether there was something to redo */
  redo() {
    const next = this.#future.pop();
    if (next === undefined) return false;
    this.#past.push(this.present);
    this.#merge = null;
    this.present = next;
    return true;
  }
}
