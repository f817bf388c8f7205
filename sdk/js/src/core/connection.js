// One connection at a time: through which door, when it is given up, and when the next one is made. Pure.
//
// Knows the clock's moments and the doors, and nothing of what a message says. A moment is `{now, chance}`, of the input
// that is taken.

import { Backoff } from "./backoff.js";
import { Ladder } from "./ladder.js";
import { Wait } from "./wait.js";
import { HELLO_MS, Watch } from "./watch.js";

const POLL_SECONDS = 25;
const POLL_SLACK_MS = 15_000;
// A long poll that comes back empty at once is no long poll: it is not asked again at once.
const POLL_AGAIN_MS = 1_000;
// A stream that goes on after we stopped reading fills no memory: we leave, and come back where we were.
const FLOOD_WINDOWS = 4;
const BYE = 1000;
export const GARBLED = 1002;
// Our own word for a stream that we left because it stood still.
const GAVE_UP = 4000;

// The newest link, `number`. It is greeted when the server has said hello, and live when replay is handled. `start` is
// where a terminal without a cursor begins, `reading` what the server calls this stream.
export class Connection {
  number = 0;
  isOpen = false;
  isLive = false;
  reading = null;
  #config;
  #moment;
  #line;
  #say;
  #tell;
  #ladder;
  #backoff = new Backoff();
  #watch = new Watch();
  #return = new Wait();
  #greetedAt = null;
  #polling = false;
  #polledAt = 0;
  #pollAt = null;
  #paused = false;
  #awaySince = null;

  constructor(config, moment, line, say, tell) {
    this.#config = config;
    this.#moment = moment;
    this.#line = line;
    this.#say = say;
    this.#tell = tell;
    this.#ladder = new Ladder(config.doors);
    this.start = config.start;
  }

  // The moments at which it wants a `wake`.
  get due() {
    if (!this.isOpen) return [this.#return.until];
    // Before all is handled there is nothing to ask.
    const pollAt = this.#line.isIdle ? this.#pollAt : null;
    return [this.#watch.silentAt, this.#watch.behindAt, this.#ladder.climbAt, pollAt];
  }

  get door() {
    return this.#ladder.door;
  }

  get isGreeted() {
    return this.isOpen && this.#greetedAt !== null;
  }

  // Inputs of an earlier link count for nothing.
  isOurs({ link }) {
    return this.isOpen && link === this.number;
  }

  // To open it, and to read on.

  open() {
    this.number += 1;
    this.isOpen = true;
    this.#greetedAt = this.reading = null;
    this.isLive = this.#paused = this.#polling = false;
    this.#return.over();
    const { door } = this;
    if (door === "poll") {
      this.#poll(0);
      return;
    }
    this.#watch.begin(this.#moment.now, HELLO_MS);
    this.#say({ type: "connect", link: this.number, door, after: this.#after, filter: this.#config.filter });
  }

  get #after() {
    if (this.#line.cursor !== null) return this.#line.cursor;
    return this.start === "head" ? null : this.start === "snapshot" ? "acked" : this.start;
  }

  #poll(wait) {
    this.#polling = true;
    this.#polledAt = this.#moment.now;
    this.#pollAt = null;
    this.#watch.begin(this.#moment.now, wait * 1000 + POLL_SLACK_MS);
    this.#say({ type: "poll", link: this.number, after: this.#after, wait, filter: this.#config.filter });
  }

  // Ask for the next page, where it is time for it.
  pollOn() {
    const polls = this.isGreeted && this.door === "poll" && !this.#polling;
    if (polls && this.#line.isIdle && (this.#pollAt === null || this.#isPast(this.#pollAt))) {
      this.#poll(this.isLive ? POLL_SECONDS : 0);
    }
  }

  // Stop reading a stream where too much waits, and go on where it does not.
  holdBack() {
    if (!this.isOpen || this.door === "poll") return;
    const waiting = this.#line.queue.length;
    if (!this.#paused && waiting >= this.#config.window) {
      this.#paused = true;
      this.#watch.rest();
      this.#say({ type: "pause", link: this.number });
    } else if (this.#paused && waiting <= Math.floor(this.#config.window / 2)) {
      this.#paused = false;
      this.#watch.heard(this.#moment.now);
      this.#say({ type: "resume", link: this.number });
    }
  }

  // Words that came on it.

  // Anything came. While we do not read, nothing is expected.
  heard() {
    if (!this.#paused) this.#watch.heard(this.#moment.now);
  }

  // A poll was answered.
  paged(isEmpty) {
    this.#polling = false;
    if (isEmpty) this.#pollAt = Math.max(this.#moment.now, this.#polledAt + POLL_AGAIN_MS);
    this.#watch.rest();
  }

  hello(heartbeatSeconds) {
    this.#watch.hello(heartbeatSeconds);
    this.#watch.heard(this.#moment.now);
  }

  // The stream began.
  greet() {
    this.#greetedAt = this.#moment.now;
    this.#return.over();
    this.#ladder.opened(this.#moment.now);
    this.#awaySince = null;
    this.isLive = false;
  }

  // With a filter, the head says nothing about what is due here; and who does not read is not sent it.
  head(isReached) {
    if (!this.#config.isFiltered && !this.#paused) this.#watch.head(this.#moment.now, isReached);
  }

  // An event came, and waits in the line.
  event() {
    this.#watch.progress();
    if (this.#line.queue.length > FLOOD_WINDOWS * this.#config.window && this.door !== "poll") this.leave("flood");
  }

  // The clock, and the system's word.

  // Time has passed: come back, or give up what stands still, or try a better door.
  wake() {
    if (this.#return.isOver(this.#moment.now)) this.open();
    if (!this.isOpen) return;
    if (this.#isPast(this.#watch.silentAt)) {
      this.leave(this.isGreeted ? "silence" : "no hello");
    } else if (this.#isPast(this.#watch.behindAt)) {
      this.leave("the head is not reached");
    } else if (this.#isPast(this.#ladder.climbAt)) {
      this.close();
      this.#line.drop();
      this.#ladder.climb();
      this.open();
    }
  }

  #isPast(at) {
    return at !== null && this.#moment.now >= at;
  }

  // There is a network, again or another.
  online() {
    const { now, chance } = this.#moment;
    this.#return.online(now, chance, this.isOpen && !this.isGreeted);
    if (this.isGreeted && this.door === "websocket" && !this.#paused) {
      // Another network may have left this connection behind: it says so soon, or is given up.
      this.#say({ type: "send", link: this.number, message: { type: "ping" } });
      this.#watch.probe(now);
    }
  }

  // Its end.

  // Give a stream up that is of no use.
  leave(why, code = GAVE_UP) {
    this.#say({ type: "close", link: this.number, code });
    this.lost(why, { counts: true });
  }

  // End it, for a reason of our own.
  close() {
    this.#say({ type: "close", link: this.number, code: BYE });
    this.gone();
  }

  gone() {
    this.isOpen = this.isLive = false;
    this.#pollAt = null;
    this.#watch.rest();
  }

  // There is no stream any more, or there never was: come back later, maybe by another door.
  lost(why, { slotMs, retryAfterMs, shut, counts }) {
    const { now, chance } = this.#moment;
    this.gone();
    this.#line.drop();
    let backoff = this.#backoff;
    if (this.#greetedAt === null) {
      // The door below is known to work; its failures are not this one's.
      if (this.#ladder.climbing) backoff = new Backoff();
      this.#ladder.failed(shut, counts);
    } else {
      backoff.lived(now - this.#greetedAt);
    }
    if (this.#awaySince === null) {
      this.#awaySince = now;
      this.#tell({ state: "offline", since: now });
    }
    const isTold = slotMs != null || retryAfterMs != null;
    const pause = backoff.waitMs(chance, slotMs, retryAfterMs);
    const ms = this.#return.begin(now, pause, chance, isTold);
    this.#say({ type: "wait", ms, door: this.door, why });
  }
}
