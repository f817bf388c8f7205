// One event at a time from the stream to the handler, to the disk, and no further until it is there. Pure.
//
// The order of things is the promise: handled, then stored, then acknowledged. A crash in between repeats the one
// event that was in the hand, and no other. An item is `{kind, offset, body, caughtUp, thin, snapshot}`, of kind
// `event`, `reset` or `mark` (a position that only has to be stored).

import { isObject } from "./values.js";
import { Wait } from "./wait.js";

const KNOWN_OFFSETS = 256;
const FETCHES = 5;
const FETCH_AGAIN_MS = 1_000;
const HANDLE_AGAIN_MS = 500;
const LONGEST_AGAIN_MS = 30_000;

const isLeftOut = (value) => (isObject(value) ? Object.keys(value).length > 0 : (value?.length ?? value) > 0);
const isThin = ({ data }) => "orderId" in data && (isLeftOut(data.itemsOmitted) || isLeftOut(data.omitted));

// A thin event with what was left out, from its order; what it had stays as it was when it was committed.
function inFull(event, order) {
  const { itemsOmitted, omitted, itemCount, ...data } = event.data;
  const names = [...(isLeftOut(itemsOmitted) ? ["items"] : []), ...(omitted ?? [])];
  const found = names.filter((name) => Object.hasOwn(order, name)).map((name) => [name, order[name]]);
  return { ...event, data: { ...data, ...Object.fromEntries(found) } };
}

export class Line {
  // The last offset that is on the disk.
  cursor = null;
  queue = [];
  hand = null;
  stopped = false;
  #config;
  #say;
  #finished;
  #known = [];
  #stage = "";
  #tries = 0;
  #wait = new Wait();

  constructor(config, say, finished) {
    this.#config = config;
    this.#say = say;
    this.#finished = finished;
  }

  // When what is in the hand is tried again.
  get againAt() {
    return this.#wait.until;
  }

  get isIdle() {
    return !this.hand && !this.queue.length;
  }

  holds(offset) {
    const isIt = (item) => item?.kind === "event" && item.offset === offset;
    return isIt(this.hand) || this.queue.some(isIt);
  }

  // Take an event from the stream; false where it is known already.
  putEvent(event) {
    const { offset } = event;
    if (offset === this.cursor || this.#known.includes(offset) || this.holds(offset)) return false;
    this.queue.push({ kind: "event", offset, body: event, thin: isThin(event) });
    return true;
  }

  put(item) {
    this.queue.push(item);
  }

  // The stream is gone: what was not begun comes again, from the cursor on.
  drop() {
    this.queue = [];
  }

  advance() {
    while (!this.hand && this.queue.length && !this.stopped) this.#begin(this.queue.shift());
  }

  #begin(item) {
    this.hand = item;
    this.#tries = 0;
    if (item.kind === "mark") {
      if (item.offset === this.cursor) this.#finish();
      else this.#store();
    } else if (item.snapshot) {
      this.#load();
    } else if (item.thin) {
      this.#fetch();
    } else {
      this.#deliver();
    }
  }

  #load() {
    this.#stage = "loading";
    this.#say({ type: "fetch_snapshot" });
  }

  #fetch() {
    this.#stage = "fetching";
    this.#wait.over();
    this.#say({ type: "fetch_order", offset: this.hand.offset, orderId: this.hand.body.data.orderId });
  }

  #deliver() {
    const { kind, offset, body, thin } = this.hand;
    this.#stage = "handling";
    this.#wait.over();
    this.#tries += 1;
    const what = kind !== "event" ? body : thin ? { event: body, thin } : { event: body };
    this.#say({ type: "deliver", kind, offset, attempt: this.#tries, ...what });
  }

  #store() {
    const { tenant, filter } = this.#config;
    this.#stage = "storing";
    this.#say({ type: "store", cursor: { tenant, filter, offset: this.hand.offset } });
  }

  #finish() {
    const item = this.hand;
    this.hand = null;
    this.#stage = "";
    this.#finished(item);
  }

  #isInHand(offset, stage) {
    return this.hand !== null && this.#stage === stage && this.hand.offset === offset;
  }

  handled(offset) {
    if (this.#isInHand(offset, "handling")) this.#store();
  }

  // The handler raised: again after a while, and when it is enough into the dead letters.
  raised(offset, error, now) {
    if (!this.#isInHand(offset, "handling")) return;
    const told = { type: "report", kind: "handler", offset, attempt: this.#tries, error };
    if (this.#tries < this.#config.attempts) {
      const againMs = Math.min(LONGEST_AGAIN_MS, HANDLE_AGAIN_MS * 2 ** (this.#tries - 1));
      this.#stage = "resting";
      // A handler needs what its owner knows, and has few attempts: a network is no reason for the next.
      this.#wait.begin(now, againMs, 0, true);
      this.#say({ ...told, againMs });
      return;
    }
    this.#stage = "burying";
    this.#say(told);
    this.#say({ type: "bury", offset, attempts: this.#tries, error });
  }

  buried(offset) {
    if (this.#isInHand(offset, "burying")) this.#store();
  }

  // The cursor is on the disk: this is done for good. False where it was not waited for.
  stored(offset) {
    if (!this.#isInHand(offset, "storing")) return false;
    this.cursor = offset;
    this.#known.push(offset);
    if (this.#known.length > KNOWN_OFFSETS) this.#known.shift();
    this.#finish();
    return true;
  }

  order(offset, order) {
    if (!this.#isInHand(offset, "fetching")) return;
    this.hand.body = inFull(this.hand.body, order);
    this.hand.thin = false;
    this.#tries = 0;
    this.#deliver();
  }

  // Asked again where that may help, and in the end delivered as it is, and marked thin.
  orderFailed(offset, retryAfterMs, now, chance, passing) {
    if (!this.#isInHand(offset, "fetching")) return;
    this.#tries += 1;
    if (passing && this.#tries < FETCHES) {
      this.#stage = "fetch-resting";
      const pause = Math.min(LONGEST_AGAIN_MS, retryAfterMs || FETCH_AGAIN_MS * 2 ** (this.#tries - 1));
      this.#wait.begin(now, pause, chance, Boolean(retryAfterMs));
      return;
    }
    this.#tries = 0;
    this.#deliver();
  }

  // The open orders, and the position at which they were read.
  snapshot(offset, orders) {
    if (!this.hand || this.#stage !== "loading") return;
    const { reason } = this.hand.body;
    Object.assign(this.hand, { kind: "snapshot", offset, body: { reason, orders } });
    this.#deliver();
  }

  snapshotFailed(pauseMs, now, chance, isFixed) {
    if (!this.hand || this.#stage !== "loading") return;
    this.#stage = "load-resting";
    this.#wait.begin(now, pauseMs, chance, isFixed);
  }

  // There is a network again: what is fetched is fetched soon.
  online(now, chance) {
    this.#wait.online(now, chance, this.#stage === "fetching" || this.#stage === "loading");
  }

  // Do again what rested long enough.
  wake(now) {
    if (this.stopped || !this.#wait.isOver(now)) return;
    this.#wait.over();
    if (this.#stage === "resting") this.#deliver();
    else if (this.#stage === "fetch-resting") this.#fetch();
    else this.#load();
  }
}
