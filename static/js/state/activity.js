// @ts-check
/**
 * How long a reader worked on an image and how long they were away. Pure: time comes from outside.
 *
 * A stretch without any sign of life longer than `patience` counts as idle from its beginning.
 */
export class ActivityClock {
  /** @param {{now: () => number, patienceSeconds?: number}} options `now` in milliseconds */
  constructor({ now, patienceSeconds = 30 }) {
    this.now = now;
    this.patience = patienceSeconds * 1000;
    this.active = 0;
    this.idle = 0;
    this.last = now();
  }

  /** @param {{active?: number, idle?: number}} [from] seconds already spent */
  reset({ active = 0, idle = 0 } = {}) {
    this.active = active * 1000;
    this.idle = idle * 1000;
    this.last = this.now();
  }

  /** A key, a click, a movement. */
  touch() {
    const now = this.now();
    const passed = Math.max(0, now - this.last);
    if (passed > this.patience) this.idle += passed;
    else this.active += passed;
    this.last = now;
  }

  /** The page went out of sight (and came back): the time between is idle. */
  skip() {
    const now = this.now();
    this.idle += Math.max(0, now - this.last);
    this.last = now;
  }

  /** @returns {{active: number, idle: number}} seconds up to now */
  read() {
    this.touch();
    return { active: this.active / 1000, idle: this.idle / 1000 };
  }
}
