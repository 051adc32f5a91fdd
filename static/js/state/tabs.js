// @ts-check
/**
 * One workbench at a time: the same read in two tabs would be answered against itself.
 *
 * Uses the browser's lock manager; where there is none (plain http beyond this machine, old
 * browsers) every tab works, and the server's `rev` guards alone.
 *
 * @param {LockManager | undefined} locks
 * @param {string} name
 * @param {{isStealing?: boolean, onTaken: () => void}} options `onTaken`: another tab took over
 * @returns {Promise<boolean>} whether this tab may work
 */
export function holdSeat(locks, name, { isStealing = false, onTaken }) {
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const options = isStealing ? { steal: true } : { ifAvailable: true };
    const holding = locks.request(name, options, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => {});
    });
    holding.catch(onTaken);
  });
}
