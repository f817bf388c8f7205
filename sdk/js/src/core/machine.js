// The state machine of a terminal: what each input means for its connection, its line of events and its acks. Pure.
//
// `receive` takes one thing that happened and returns what to do, in order; `due` is when it wants a `wake`. Inputs
// and outputs are the JSON that the README of the vectors describes.

import { Acks } from "./acks.js";
import { Backoff } from "./backoff.js";
import { Connection, GARBLED } from "./connection.js";
import { isShut } from "./ladder.js";
import { Line } from "./line.js";
import { distance } from "./offsets.js";
import { isEvent, isMessage, isPage } from "./shapes.js";
import { shown } from "./showing.js";
import { canonical, isPassing, soonest } from "./values.js";

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
  #moment = { now: 0, chance: 0 };
  #line;
  #connection;
  #acks = new Acks();
  #snapshots = new Backoff();
  #phase = "new";
  #received = null;
  #state = "";
  #done = 0;
  #of = null;

  constructor(config) {
    this.#config = config;
    const say = (output) => this.#say(output);
    this.#line = new Line(config, say, (item) => this.#finished(item));
    this.#connection = new Connection(config, this.#moment, this.#line, say, (state) => this.#tell(state));
  }

  get cursor() {
    return this.#line.cursor;
  }

  get due() {
    if (this.#phase === "over") return null;
    const posts = this.#postedReading !== null;
    const ack = this.#config.acks ? this.#acks.due(this.#acksByFrame, posts) : null;
    return soonest(...this.#connection.due, this.#line.againAt, ack);
  }

  receive(given) {
    this.#moment.now = Math.max(this.#moment.now, Math.floor(given.at));
    this.#moment.chance = given.chance ?? 0.5;
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
      this.#connection.start = "acked";
    } else if (given.cursor != null && !this.#takeCursor(given.cursor)) {
      return;
    }
    if (this.#line.cursor === null && this.#connection.start === "snapshot") {
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
      this.#connection.start = "acked";
    }
    return true;
  }

  on_stop() {
    if (this.#phase === "over") return;
    if (this.#acksByFrame) this.#frame(true);
    this.#end("closed");
  }

  on_owner({ decision }) {
    if (this.#phase !== "asking") return;
    if (decision === "return") this.#connect();
    else this.#end("replaced", 4409);
  }

  on_online() {
    if (this.#phase === "over") return;
    const { now, chance } = this.#moment;
    this.#line.online(now, chance);
    this.#acks.online(now, chance);
    this.#connection.online();
  }

  on_wake() {
    if (this.#phase === "over") return;
    this.#line.wake(this.#moment.now);
    this.#connection.wake();
  }

  on_handled({ offset }) {
    this.#line.handled(offset);
  }

  on_raised({ offset, error }) {
    if (this.#phase !== "over") this.#line.raised(offset, error, this.#moment.now);
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
    const { now, chance } = this.#moment;
    this.#line.orderFailed(offset, retryAfterMs, now, chance, isPassing(status));
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
    const { now, chance } = this.#moment;
    const pause = this.#snapshots.waitMs(chance, null, retryAfterMs);
    this.#line.snapshotFailed(pause, now, chance, retryAfterMs != null);
  }

  on_acked() {
    this.#acks.posted();
  }

  on_ack_failed({ status, retryAfterMs }) {
    const { now, chance } = this.#moment;
    const body = this.#acks.failed(now, chance, retryAfterMs, isPassing(status));
    if (body) this.#say({ type: "report", kind: "ack-refused", status, body });
  }

  // Words of the network; those of an earlier link count for nothing.

  on_failed(given) {
    // Where nothing was reached the network is down, whatever the door.
    if (this.#connection.isOurs(given)) this.#connection.lost(given.reason, { counts: given.reached });
  }

  on_refused(given) {
    if (!this.#connection.isOurs(given)) return;
    const { status, problem, retryAfterMs } = given;
    const shut = isShut(status, problem);
    if (problem != null && STATUSES[status] && !shut) {
      this.#connection.gone();
      this.#end(STATUSES[status], status, problem);
      return;
    }
    this.#connection.lost(`${status} ${problem ?? ""}`.trimEnd(), { retryAfterMs, shut, counts: problem == null });
  }

  on_closed(given) {
    if (!this.#connection.isOurs(given)) return;
    const { code, reason = "" } = given;
    const stop = code === 4400 && !this.#connection.isGreeted ? "refused" : CODES[code];
    if (stop) {
      this.#connection.gone();
      this.#end(stop, code, reason);
    } else if (code === 4409) {
      this.#connection.gone();
      this.#phase = "asking";
      this.#tell({ state: "replaced" });
      this.#say({ type: "ask", question: "replaced" });
    } else {
      const slotMs = slotIn(reason);
      this.#connection.lost(`${code} ${reason}`.trimEnd(), { slotMs, counts: slotMs === null });
    }
  }

  on_garbled(given) {
    if (this.#connection.isOurs(given)) this.#garbled();
  }

  #garbled() {
    this.#say({ type: "report", kind: "garbled" });
    this.#connection.leave("garbled", GARBLED);
  }

  on_message(given) {
    if (!this.#connection.isOurs(given)) return;
    const { message } = given;
    if (!isMessage(message)) {
      this.#garbled();
      return;
    }
    const { type } = message;
    if (!this.#connection.isGreeted && type !== "hello") {
      this.#connection.leave("no hello", GARBLED);
      return;
    }
    this.#connection.heard();
    if (type === "hello") {
      this.#hello(message);
    } else if (type === "caught_up") {
      this.#received = message.offset;
      this.#line.put({ kind: "mark", offset: message.offset, caughtUp: this.#connection.number });
    } else if (type === "heartbeat" || type === "pong") {
      this.#connection.head(message.head === this.#received);
    } else if (type === "reset") {
      this.#reset(message);
    } else if (type === "error") {
      this.#say({ type: "report", kind: "server", code: message.code ?? null, detail: message.detail ?? null });
    } else if (isEvent(message)) {
      this.#event(message);
    }
  }

  on_page(given) {
    if (!this.#connection.isOurs(given)) return;
    const { page } = given;
    if (!isPage(page)) {
      this.#garbled();
      return;
    }
    this.#connection.paged(!page.events.length && !page.more);
    this.#connection.reading = page.reading ?? null;
    if (!this.#connection.isGreeted) this.#greet(page.head, this.#line.cursor);
    if (page.reset != null) {
      this.#reset(page.reset);
      if (this.#phase === "snapshot") return;
    }
    for (const event of page.events) this.#event(event);
    this.#line.put({ kind: "mark", offset: page.offset, caughtUp: page.more ? 0 : this.#connection.number });
  }

  #hello({ head, after, heartbeatSeconds, reading = null }) {
    this.#connection.hello(heartbeatSeconds);
    this.#connection.reading = reading;
    this.#received = after;
    if (this.#line.cursor === null && this.#connection.start === "head") {
      // From now on this is where we were: a cut before the first event must not move us to a later head.
      this.#line.put({ kind: "mark", offset: after });
    }
    this.#greet(head, after);
  }

  #greet(head, after) {
    this.#connection.greet();
    this.#done = 0;
    this.#of = after === null || this.#config.isFiltered ? null : distance(after, head);
    if (head !== after) this.#catchingUp();
  }

  #catchingUp() {
    this.#tell({ state: "catching_up", done: this.#done, of: this.#of });
  }

  #event(event) {
    this.#received = event.offset;
    // One that was finished between two streams is one of those that were to be caught up with.
    if (!this.#line.putEvent(event) && !this.#line.holds(event.offset)) this.#done += 1;
    this.#connection.event();
  }

  #reset({ to, reason }) {
    const { snapshots } = this.#config;
    this.#received = to;
    if (snapshots) {
      // The snapshot is later than `to`, and so is the stream that goes on behind it.
      this.#connection.close();
      this.#phase = "snapshot";
      this.#tell({ state: "resetting", reason });
    }
    this.#line.put({ kind: "reset", offset: to, body: { reason, to }, snapshot: snapshots });
  }

  // Consequences.

  #connect() {
    this.#phase = "begun";
    this.#connection.open();
  }

  #finished(item) {
    const connection = this.#connection;
    if (item.kind === "snapshot") {
      this.#acks.shown(item.body.orders.map((order) => order.orderId));
      if (this.#phase === "snapshot") this.#connect();
    } else if (item.kind === "event" && connection.isGreeted && !connection.isLive) {
      this.#done += 1;
      this.#catchingUp();
    }
    if (item.caughtUp === connection.number && connection.isOpen) {
      connection.isLive = true;
      this.#tell({ state: "live" });
    }
  }

  #settle() {
    this.#line.advance();
    if (this.#phase === "over") return;
    this.#connection.holdBack();
    if (this.#config.acks) this.#acknowledge();
    this.#connection.pollOn();
  }

  get #acksByFrame() {
    return this.#config.acks && this.#connection.isGreeted && this.#connection.door === "websocket";
  }

  // The reading whose acks are posted: of a stream that takes no frame.
  get #postedReading() {
    const takesNone = this.#connection.isGreeted && !this.#acksByFrame;
    return takesNone ? this.#connection.reading : null;
  }

  #frame(idle) {
    const message = this.#acks.frame(this.#line.cursor, this.#moment.now, idle);
    if (message) this.#say({ type: "send", link: this.#connection.number, message });
  }

  #acknowledge() {
    const { isIdle } = this.#line;
    if (this.#acksByFrame) this.#frame(isIdle);
    const body = this.#acks.request(this.#line.cursor, this.#postedReading, this.#moment.now, isIdle);
    if (body) this.#say({ type: "post_ack", body });
  }

  #end(reason, code = null, detail = "") {
    if (this.#phase === "over") return;
    if (this.#connection.isOpen) this.#connection.close();
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
