// The state machine of a terminal: connection, doors, watch, line of events, acks. Pure.
//
// `receive` takes one thing that happened and returns what to do, in order; `due` is when it wants a `wake`. Inputs
// and outputs are the JSON that the README of the vectors describes.

import { Acks } from "./acks.js";
import { Backoff } from "./backoff.js";
import { isShut, Ladder } from "./ladder.js";
import { Line } from "./line.js";
import { distance } from "./offsets.js";
import { isEvent, isMessage, isPage } from "./shapes.js";
import { shown } from "./showing.js";
import { canonical, isPassing, soonest } from "./values.js";
import { Wait } from "./wait.js";
import { HELLO_MS, Watch } from "./watch.js";

const POLL_SECONDS = 25;
const POLL_SLACK_MS = 15_000;
// A long poll that comes back empty at once is no long poll: it is not asked again at once.
const POLL_AGAIN_MS = 1_000;
// A stream that goes on after we stopped reading fills no memory: we leave, and come back where we were.
const FLOOD_WINDOWS = 4;
const BYE = 1000;
const GARBLED = 1002;
// Our own word for a stream that we left because it stood still.
const GAVE_UP = 4000;
const CODES = { 4401: "unauthorized", 4403: "forbidden", 4404: "not-found" };
const STATUSES = { 400: "refused", 401: "unauthorized", 403: "forbidden", 404: "not-found", 422: "refused" };

// The `retry_ms=<n>` of a close's reason.
const slotIn = (reason) => {
  const found = /retry_ms=(\d{1,15})(?: |$)/.exec(reason);
  return found ? Number(found[1]) : null;
};

// One terminal. Made once a process; it lives over all connections.
export class Machine {
  #config;
  #out = [];
  #now = 0;
  #chance = 0;
  #line;
  #acks = new Acks();
  #ladder;
  #backoff = new Backoff();
  #snapshots = new Backoff();
  #watch = new Watch();
  #phase = "new";
  #start;
  #link = 0;
  #open = false;
  #greetedAt = null;
  #polling = false;
  #polledAt = 0;
  #pollAt = null;
  #paused = false;
  #received = null;
  #reading = null;
  #return = new Wait();
  #awaySince = null;
  #state = "";
  #done = 0;
  #of = null;
  #live = false;

  constructor(config) {
    this.#config = config;
    this.#start = config.start;
    this.#line = new Line(
      config,
      (output) => this.#say(output),
      (item) => this.#finished(item),
    );
    this.#ladder = new Ladder(config.doors);
  }

  get cursor() {
    return this.#line.cursor;
  }

  get due() {
    if (this.#phase === "over") return null;
    return soonest(
      this.#return.until,
      this.#line.againAt,
      this.#config.acks ? this.#acks.due : null,
      ...(this.#open ? [this.#watch.silentAt, this.#watch.behindAt, this.#ladder.climbAt, this.#pollAt] : []),
    );
  }

  receive(given) {
    this.#now = Math.max(this.#now, Math.floor(given.at));
    this.#chance = given.chance ?? 0.5;
    const take = this[`on_${given.type}`];
    if (!take) throw new TypeError(`there is no input ${given.type}`);
    take.call(this, given);
    this.#settle();
    const out = this.#out;
    this.#out = [];
    return out;
  }

  // Words of the owner, the disk and the clock.

  on_start(given) {
    if (this.#phase !== "new") return;
    this.#tell({ state: "connecting" });
    if (given.damaged != null) {
      if (this.#config.onDamage === "stop") {
        this.#end("cursor-damaged", null, given.damaged);
        return;
      }
      this.#say({ type: "report", kind: "cursor-damaged", detail: given.damaged });
      this.#start = "acked";
    } else if (given.cursor != null && !this.#takeCursor(given.cursor)) {
      return;
    }
    if (this.#line.cursor === null && this.#start === "snapshot") {
      this.#phase = "snapshot";
      this.#line.put({ kind: "reset", offset: null, body: { reason: "start" }, snapshot: true });
    } else {
      this.#connect();
    }
  }

  #takeCursor(kept) {
    if (kept.tenant !== this.#config.tenant) {
      this.#end("cursor-damaged", null, `the cursor is of another shop: ${kept.tenant}`);
      return false;
    }
    if (canonical(kept.filter) === canonical(this.#config.filter)) {
      this.#line.cursor = kept.offset;
    } else {
      // Events that the old filter kept out lie before the cursor. The server knows from where this one has all.
      this.#say({ type: "report", kind: "filter-changed", filter: kept.filter });
      this.#start = "acked";
    }
    return true;
  }

  on_stop() {
    if (this.#phase === "over") return;
    if (this.#isGreeted && this.#ladder.door === "websocket" && this.#config.acks) this.#frame(true);
    this.#end("closed");
  }

  on_owner({ decision }) {
    if (this.#phase !== "asking") return;
    if (decision === "return") this.#connect();
    else this.#end("replaced", 4409);
  }

  on_online() {
    if (this.#phase === "over") return;
    this.#return.online(this.#now, this.#chance, this.#open && this.#greetedAt === null);
    this.#line.online(this.#now, this.#chance);
    this.#acks.online(this.#now, this.#chance);
    if (this.#isGreeted && this.#ladder.door === "websocket" && !this.#paused) {
      // Another network may have left this connection behind: it says so soon, or is given up.
      this.#say({ type: "send", link: this.#link, message: { type: "ping" } });
      this.#watch.probe(this.#now);
    }
  }

  on_wake() {
    if (this.#phase === "over") return;
    this.#line.wake(this.#now);
    if (this.#return.isOver(this.#now)) this.#connect();
    if (!this.#open) return;
    if (this.#isPast(this.#watch.silentAt)) {
      this.#leave(this.#greetedAt !== null ? "silence" : "no hello");
    } else if (this.#isPast(this.#watch.behindAt)) {
      this.#leave("the head is not reached");
    } else if (this.#isPast(this.#ladder.climbAt)) {
      this.#close(BYE);
      this.#line.drop();
      this.#ladder.climb();
      this.#connect();
    }
  }

  #isPast(at) {
    return at !== null && this.#now >= at;
  }

  on_handled({ offset }) {
    this.#line.handled(offset);
  }

  on_raised({ offset, error }) {
    if (this.#phase !== "over") this.#line.raised(offset, error, this.#now);
  }

  on_buried({ offset }) {
    this.#line.buried(offset);
  }

  on_stored({ offset }) {
    if (this.#line.stored(offset)) this.#acks.stored();
  }

  on_store_failed({ detail }) {
    this.#end("storage", null, detail);
  }

  on_order({ offset, order }) {
    this.#line.order(offset, order);
  }

  on_order_failed({ offset, status, retryAfterMs }) {
    this.#line.orderFailed(offset, retryAfterMs, this.#now, this.#chance, isPassing(status));
  }

  on_snapshot({ offset, orders }) {
    this.#snapshots.steady();
    this.#line.snapshot(offset, shown(orders, this.#config.filter));
  }

  on_snapshot_failed({ status, problem, retryAfterMs }) {
    if (problem != null && STATUSES[status]) {
      this.#end(STATUSES[status], status, problem);
      return;
    }
    const pause = this.#snapshots.waitMs(this.#chance, null, retryAfterMs);
    this.#line.snapshotFailed(pause, this.#now, this.#chance, retryAfterMs != null);
  }

  on_acked() {
    this.#acks.posted();
  }

  on_ack_failed({ status, retryAfterMs }) {
    const body = this.#acks.failed(this.#now, this.#chance, retryAfterMs, isPassing(status));
    if (body) this.#say({ type: "report", kind: "ack-refused", status, body });
  }

  // Words of the network; those of an earlier link count for nothing.

  on_failed(given) {
    // Where nothing was reached the network is down, whatever the door.
    if (this.#isOurs(given)) this.#lost(given.reason, { counts: given.reached });
  }

  on_refused(given) {
    if (!this.#isOurs(given)) return;
    const { status, problem, retryAfterMs } = given;
    const shut = isShut(status, problem);
    if (problem != null && STATUSES[status] && !shut) {
      this.#open = false;
      this.#end(STATUSES[status], status, problem);
      return;
    }
    this.#lost(`${status} ${problem ?? ""}`.trimEnd(), { retryAfterMs, shut, counts: problem == null });
  }

  on_closed(given) {
    if (!this.#isOurs(given)) return;
    const { code, reason = "" } = given;
    const stop = code === 4400 && this.#greetedAt === null ? "refused" : CODES[code];
    if (stop) {
      this.#open = false;
      this.#end(stop, code, reason);
    } else if (code === 4409) {
      this.#gone();
      this.#phase = "asking";
      this.#tell({ state: "replaced" });
      this.#say({ type: "ask", question: "replaced" });
    } else {
      const slotMs = slotIn(reason);
      this.#lost(`${code} ${reason}`.trimEnd(), { slotMs, counts: slotMs === null });
    }
  }

  on_garbled(given) {
    if (this.#isOurs(given)) this.#garbled();
  }

  #garbled() {
    this.#say({ type: "report", kind: "garbled" });
    this.#leave("garbled", GARBLED);
  }

  on_message(given) {
    if (!this.#isOurs(given)) return;
    const { message } = given;
    if (!isMessage(message)) {
      this.#garbled();
      return;
    }
    const { type } = message;
    if (this.#greetedAt === null && type !== "hello") {
      this.#leave("no hello", GARBLED);
      return;
    }
    if (!this.#paused) this.#watch.heard(this.#now);
    if (type === "hello") {
      this.#hello(message);
    } else if (type === "caught_up") {
      this.#received = message.offset;
      this.#line.put({ kind: "mark", offset: message.offset, caughtUp: this.#link });
    } else if (type === "heartbeat" || type === "pong") {
      // With a filter, the head says nothing about what is due here; and who does not read is not sent it.
      if (!this.#config.isFiltered && !this.#paused) {
        this.#watch.head(this.#now, message.head === this.#received);
      }
    } else if (type === "reset") {
      this.#reset(message);
    } else if (type === "error") {
      this.#say({ type: "report", kind: "server", code: message.code ?? null, detail: message.detail ?? null });
    } else if (isEvent(message)) {
      this.#event(message);
    }
  }

  on_page(given) {
    if (!this.#isOurs(given)) return;
    const { page } = given;
    if (!isPage(page)) {
      this.#garbled();
      return;
    }
    this.#polling = false;
    if (!page.events.length && !page.more) this.#pollAt = Math.max(this.#now, this.#polledAt + POLL_AGAIN_MS);
    this.#watch.rest();
    this.#reading = page.reading ?? null;
    if (this.#greetedAt === null) this.#greet(page.head, this.#line.cursor);
    if (page.reset != null) {
      this.#reset(page.reset);
      if (this.#phase === "snapshot") return;
    }
    for (const event of page.events) this.#event(event);
    this.#line.put({ kind: "mark", offset: page.offset, caughtUp: page.more ? 0 : this.#link });
  }

  #isOurs(given) {
    return this.#open && given.link === this.#link;
  }

  get #isGreeted() {
    return this.#open && this.#greetedAt !== null;
  }

  #hello({ head, after, heartbeatSeconds, reading = null }) {
    this.#watch.hello(heartbeatSeconds);
    this.#watch.heard(this.#now);
    this.#reading = reading;
    this.#received = after;
    if (this.#line.cursor === null && this.#start === "head") {
      // From now on this is where we were: a cut before the first event must not move us to a later head.
      this.#line.put({ kind: "mark", offset: after });
    }
    this.#greet(head, after);
  }

  #greet(head, after) {
    this.#greetedAt = this.#now;
    this.#return.over();
    this.#ladder.opened(this.#now);
    this.#awaySince = null;
    this.#done = 0;
    this.#live = false;
    this.#of = after === null || this.#config.isFiltered ? null : distance(after, head);
    if (head !== after) this.#catchingUp();
  }

  #catchingUp() {
    this.#tell({ state: "catching_up", done: this.#done, of: this.#of });
  }

  #event(event) {
    this.#received = event.offset;
    this.#watch.progress();
    // One that was finished between two streams is one of those that were to be caught up with.
    if (!this.#line.putEvent(event) && !this.#line.holds(event.offset)) this.#done += 1;
    if (this.#line.queue.length > FLOOD_WINDOWS * this.#config.window && this.#ladder.door !== "poll") {
      this.#leave("flood");
    }
  }

  #reset({ to, reason }) {
    const { snapshots } = this.#config;
    this.#received = to;
    if (snapshots) {
      // The snapshot is later than `to`, and so is the stream that goes on behind it.
      this.#close(BYE);
      this.#phase = "snapshot";
      this.#tell({ state: "resetting", reason });
    }
    this.#line.put({ kind: "reset", offset: to, body: { reason, to }, snapshot: snapshots });
  }

  // Consequences.

  #finished(item) {
    if (item.kind === "snapshot") {
      this.#acks.shown(item.body.orders.map((order) => order.orderId));
      if (this.#phase === "snapshot") this.#connect();
    } else if (item.kind === "event" && this.#isGreeted && !this.#live) {
      this.#done += 1;
      this.#catchingUp();
    }
    if (item.caughtUp === this.#link && this.#open) {
      this.#live = true;
      this.#tell({ state: "live" });
    }
  }

  #settle() {
    this.#line.advance();
    if (this.#phase === "over") return;
    this.#holdBack();
    if (this.#config.acks) this.#acknowledge();
    const polls = this.#isGreeted && this.#ladder.door === "poll" && !this.#polling;
    if (polls && this.#line.isIdle && (this.#pollAt === null || this.#isPast(this.#pollAt))) {
      this.#poll(this.#live ? POLL_SECONDS : 0);
    }
  }

  #holdBack() {
    if (!this.#open || this.#ladder.door === "poll") return;
    const waiting = this.#line.queue.length;
    if (!this.#paused && waiting >= this.#config.window) {
      this.#paused = true;
      this.#watch.rest();
      this.#say({ type: "pause", link: this.#link });
    } else if (this.#paused && waiting <= Math.floor(this.#config.window / 2)) {
      this.#paused = false;
      this.#watch.heard(this.#now);
      this.#say({ type: "resume", link: this.#link });
    }
  }

  #frame(idle) {
    const message = this.#acks.frame(this.#line.cursor, this.#now, idle);
    if (message) this.#say({ type: "send", link: this.#link, message });
  }

  #acknowledge() {
    const byFrame = this.#isGreeted && this.#ladder.door === "websocket";
    if (byFrame) this.#frame(this.#line.isIdle);
    const reading = this.#isGreeted && !byFrame ? this.#reading : null;
    const body = this.#acks.request(this.#line.cursor, reading, this.#now, this.#line.isIdle);
    if (body) this.#say({ type: "post_ack", body });
  }

  // Connections.

  #connect() {
    this.#link += 1;
    this.#phase = "connected";
    this.#open = true;
    this.#return.over();
    this.#greetedAt = this.#reading = null;
    this.#paused = this.#polling = this.#live = false;
    const { door } = this.#ladder;
    if (door === "poll") {
      this.#poll(0);
      return;
    }
    this.#watch.begin(this.#now, HELLO_MS);
    this.#say({ type: "connect", link: this.#link, door, after: this.#after, filter: this.#config.filter });
  }

  get #after() {
    if (this.#line.cursor !== null) return this.#line.cursor;
    return this.#start === "head" ? null : this.#start === "snapshot" ? "acked" : this.#start;
  }

  #poll(wait) {
    this.#polling = true;
    this.#polledAt = this.#now;
    this.#pollAt = null;
    this.#watch.begin(this.#now, wait * 1000 + POLL_SLACK_MS);
    this.#say({ type: "poll", link: this.#link, after: this.#after, wait, filter: this.#config.filter });
  }

  // Give a stream up that is of no use.
  #leave(why, code = GAVE_UP) {
    this.#say({ type: "close", link: this.#link, code });
    this.#lost(why, { counts: true });
  }

  #close(code) {
    this.#say({ type: "close", link: this.#link, code });
    this.#gone();
  }

  #gone() {
    this.#open = this.#live = false;
    this.#pollAt = null;
    this.#watch.rest();
  }

  // There is no stream any more, or there never was: come back later, maybe by another door.
  #lost(why, { slotMs, retryAfterMs, shut, counts }) {
    const greetedAt = this.#greetedAt;
    this.#gone();
    this.#line.drop();
    let backoff = this.#backoff;
    if (greetedAt === null) {
      // The door below is known to work; its failures are not this one's.
      if (this.#ladder.climbing) backoff = new Backoff();
      this.#ladder.failed(shut, counts);
    } else {
      backoff.lived(this.#now - greetedAt);
    }
    if (this.#awaySince === null) {
      this.#awaySince = this.#now;
      this.#tell({ state: "offline", since: this.#now });
    }
    this.#phase = "waiting";
    const isTold = slotMs != null || retryAfterMs != null;
    const pause = backoff.waitMs(this.#chance, slotMs, retryAfterMs);
    const ms = this.#return.begin(this.#now, pause, this.#chance, isTold);
    this.#say({ type: "wait", ms, door: this.#ladder.door, why });
  }

  #end(reason, code = null, detail = "") {
    if (this.#phase === "over") return;
    if (this.#open) this.#close(BYE);
    this.#phase = "over";
    this.#line.stopped = true;
    this.#line.drop();
    const isKeyNoGood = reason === "unauthorized" || reason === "forbidden";
    this.#tell(isKeyNoGood ? { state: "revoked" } : { state: "stopped", reason });
    this.#say({ type: "stop", reason, code, detail });
  }

  #say(output) {
    this.#out.push(output);
  }

  #tell(state) {
    const text = canonical(state);
    if (text === this.#state) return;
    this.#state = text;
    this.#say({ type: "state", ...state });
  }
}
