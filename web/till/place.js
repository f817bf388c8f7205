// Of several windows of one browser one is the till: the one that was opened, or asked for, last.
//
// The one that had the place lets its steps come to rest, and goes; one that hangs is not waited for long. Between
// browsers it is the server that says so (4409), since a key has one connection.

const LOCK = "bellwire.till";
const CHANNEL = "bellwire.till.place";
const PATIENCE_MS = 3_000;

export class Place {
  #locks;
  #channel;
  #leave = () => {};
  #hold = null;

  constructor(locks = globalThis.navigator?.locks, newChannel = () => new BroadcastChannel(CHANNEL)) {
    this.#locks = locks ?? null;
    this.#channel = this.#locks ? newChannel() : null;
    if (this.#channel) this.#channel.onmessage = () => this.#go();
  }

  // Take the place. `leave()` is called when another window wants it; the place is free when that has answered.
  async take(leave) {
    this.#leave = leave;
    // Without TLS a browser has no locks: then the server alone says which window it is.
    if (!this.#locks || this.#hold) return;
    this.#channel.postMessage("please");
    const isMine = await this.#request({ signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!isMine) await this.#request({ steal: true });
  }

  #request(wishes) {
    return new Promise((resolve) => {
      const held = () =>
        new Promise((free) => {
          this.#hold = free;
          resolve(true);
        });
      this.#locks.request(LOCK, wishes, held).catch(() => {
        // It was stolen from this window, or could not be had in time.
        if (this.#hold) this.#go();
        resolve(false);
      });
    });
  }

  async #go() {
    const free = this.#hold;
    if (!free) return;
    this.#hold = null;
    try {
      await this.#leave();
    } finally {
      free();
    }
  }
}
