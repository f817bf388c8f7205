// The two clocks, and a timer on the first of them; a test may let them run faster.

export class Clock {
  #speed;
  #began = performance.now();
  #wall = Date.now();

  // `speed` is how many seconds of ours pass in one of the world's.
  constructor(speed = 1) {
    this.#speed = speed;
  }

  // Of a clock that only goes forward.
  nowMs() {
    return Math.floor((performance.now() - this.#began) * this.#speed);
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
