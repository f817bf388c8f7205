// The system's word that there is a network again, for all who wait because there was none.

import { NUDGE_MS } from "./core/wait.js";

export class Network {
  // How often it came back: read it before a try, to know afterwards whether the try was of before.
  times = 0;
  #waiting = new Set();

  back() {
    this.times += 1;
    for (const hurry of [...this.#waiting]) hurry();
  }

  // Wait so long, or until soon after it came back, or until `signal`; `since` is what `times` was before the try.
  pause(ms, since, signal) {
    return new Promise((resolve) => {
      const ends = performance.now() + ms;
      let timer;
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(hurry);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const hurry = () => {
        clearTimeout(timer);
        this.#waiting.delete(hurry);
        timer = setTimeout(done, Math.min(Math.max(0, ends - performance.now()), Math.random() * NUDGE_MS));
      };
      if (signal?.aborted) {
        resolve();
        return;
      }
      signal?.addEventListener("abort", done);
      timer = setTimeout(done, ms);
      if (this.times === since) this.#waiting.add(hurry);
      else hurry();
    });
  }
}
