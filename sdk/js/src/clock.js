// The two clocks, and a timer on the first of them; a test may let them run faster.

const LEAST_SLEEP_MS = 2_000;

export class Clock {
  #speed;
  #began = performance.now();
  #wall = Date.now();
  #seen = { ran: this.#began, wall: this.#wall };
  #sleptMs = 0;

  // `speed` is how many seconds of ours pass in one of the world's.
  constructor(speed = 1) {
    this.#speed = speed;
  }

  // Of a clock that only goes forward. It counts what a machine has slept, which the platform's may pass over.
  nowMs() {
    const [ran, wall] = [performance.now(), Date.now()];
    const ahead = wall - this.#seen.wall - (ran - this.#seen.ran);
    if (ahead >= LEAST_SLEEP_MS) this.#sleptMs += ahead;
    this.#seen = { ran, wall };
    return Math.floor((ran - this.#began) * this.#speed + this.#sleptMs);
  }

  // Since 1970.
  wallMs() {
    return this.#speed === 1 ? Date.now() : this.#wall + this.nowMs();
  }

  // Call back at a moment of `nowMs`; returns what `clearTimeout` takes.
  callAt(atMs, callback) {
    return setTimeout(callback, Math.max(0, Math.ceil((atMs - this.nowMs()) / this.#speed)));
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
