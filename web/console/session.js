// From the key to its end: the operator, the stream of frames, and the last minutes of them. `forget()` leaves nothing.

import { Operator } from "./api.js";
import { History } from "./history.js";
import { follow, Link } from "./link.js";

export class Session {
  operator;
  history = new History();
  link = new Link(Date.now());
  frame = null;
  #gone = new AbortController();

  constructor(key, wishes = {}) {
    this.operator = new Operator(key, wishes);
  }

  // `onFrame(frame)` for each, `onState(link)` for all that may have changed. A stream that is over ends the session.
  start(onFrame, onState) {
    const take = ({ event, data }) => {
      if (event !== "frame") return;
      this.frame = JSON.parse(data);
      this.history.add(this.frame);
      onFrame(this.frame);
    };
    const state = (link) => {
      if (!this.#gone.signal.aborted) onState(link);
    };
    return follow(this.link, (signal) => this.operator.overview(signal), take, state, this.#gone.signal);
  }

  forget() {
    this.#gone.abort();
    this.operator.forget();
    this.frame = null;
    this.history = new History();
  }
}
