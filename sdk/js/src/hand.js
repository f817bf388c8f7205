// The owner's hand: the event that lies ready for it, or that it holds, and whoever waits for what becomes of one.

// One thing to handle: `offset`, `type` and `data`; `document` is the contract's whole object.
function eventOf({ kind, offset, attempt, thin = false, event, orders, reason, to }) {
  const document = event ?? { type: kind, offset, data: kind === "snapshot" ? { orders, reason } : { reason, to } };
  return Object.freeze({ kind, offset, attempt, thin, type: document.type, data: document.data, document });
}

export class Hand {
  event = null;
  // How the stream ended, and a fault of ours or of a callback.
  end = null;
  fault = null;
  #feed;
  #offset;
  // The event lies ready for its owner, or the owner has it: only then can it be handled.
  #isReady = false;
  #isTaken = false;
  #waiters = [];

  // `feed(type, members)` tells the machine, `offset()` is the last one that is kept.
  constructor(feed, offset) {
    this.#feed = feed;
    this.#offset = offset;
  }

  put(output) {
    this.event = eventOf(output);
    this.#isReady = true;
    this.#isTaken = false;
  }

  // A fault is loud, and not a stream that stands still.
  fail(error) {
    this.fault ??= error;
    this.tell();
  }

  // Something happened: who waits looks again.
  tell() {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  // The next event; null where the owner ended it. Throws how else it ended.
  async next() {
    while (!this.#isReady && !this.#isTaken) {
      if (this.fault) throw this.fault;
      if (this.end?.reason === "closed") return null;
      if (this.end) throw this.end;
      await this.#news();
    }
    this.#isReady = false;
    this.#isTaken = true;
    return this.event;
  }

  // The event in the hand is handled: wait until that is on the disk.
  async handled() {
    const { event } = this;
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#feed("handled", { offset: event.offset });
    while (!this.fault && !this.end && this.#offset() !== event.offset && this.event === event) await this.#news();
  }

  // Handle every event until it is over.
  async run(handler) {
    for (let event = await this.next(); event; event = await this.next()) {
      try {
        await handler(event);
      } catch (error) {
        this.#isTaken = false;
        this.#feed("raised", { offset: event.offset, error: String(error) });
        continue;
      }
      await this.handled();
    }
  }

  #news() {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}
