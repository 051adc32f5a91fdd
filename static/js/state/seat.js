// @ts-check
/**
 * One workbench at a time: the same read in two tabs would be answered against itself.
 *
 * Uses the browser's lock manager; where there is none (plain http beyond this machine, old
 * browsers) every tab works, and the server's `rev` guards alone.
 */
export class Seat {
  isHeld = false;

  /**
   * @param {LockManager | undefined} locks
   * @param {string} name of the study and the person
   * @param {() => void} onLost another tab has taken over
   */
  constructor(locks, name, onLost) {
    this.locks = locks;
    this.name = name;
    this.onLost = onLost;
  }

  /**
   * @param {boolean} isStealing take it even from another tab
   * @returns {Promise<boolean>} whether this tab may work
   */
  async take(isStealing) {
    this.isHeld = this.locks ? await this.#ask(this.locks, isStealing) : true;
    return this.isHeld;
  }

  /**
   * @param {LockManager} locks
   * @param {boolean} isStealing
   * @returns {Promise<boolean>}
   */
  #ask(locks, isStealing) {
    return new Promise((resolve) => {
      const options = isStealing ? { steal: true } : { ifAvailable: true };
      const holding = locks.request(this.name, options, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise(() => {}); // held as long as the page lives
      });
      holding.catch(() => {
        this.isHeld = false;
        this.onLost();
      });
    });
  }
}
