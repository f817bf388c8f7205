// One till: what its machine says, done with sockets, a store and a handler. It decides nothing itself.

import { Claim } from "./claims.js";
import { Clock } from "./clock.js";
import { Commands } from "./commands.js";
import { configOf, DOORS } from "./core/config.js";
import { Machine } from "./core/machine.js";
import { Damaged } from "./core/records.js";
import { stopOf, Unreachable } from "./errors.js";
import { Client } from "./http.js";
import { Link } from "./links.js";
import { Network } from "./network.js";
import { Outbox } from "./outbox.js";
import { MemoryCursor } from "./stores.js";

const OPEN = "pending,preparing,ready";
const SNAPSHOT_PAGES = 100;
const PAGE_EVENTS = 100;
const STOP_MS = 5_000;

// One thing to handle: `offset`, `type` and `data`; `document` is the contract's whole object.
function eventOf({ kind, offset, attempt, thin = false, event, orders, reason, to }) {
  const document = event ?? { type: kind, offset, data: kind === "snapshot" ? { orders, reason } : { reason, to } };
  return Object.freeze({ kind, offset, attempt, thin, type: document.type, data: document.data, document });
}

const eventsOf = ({ after, filter }) => ({
  ...(after === null ? {} : { after }),
  ...Object.fromEntries(Object.entries(filter).map(([name, values]) => [name, values.join(",")])),
});

export class Terminal extends Commands {
  state = { state: "new" };
  outbox;
  #machine;
  #client;
  #tenant;
  #path;
  #clock;
  #network = new Network();
  #cursor;
  #letters;
  #told;
  #wishes;
  #limit;
  #inputs = [];
  #isPumping = false;
  #link = null;
  #work = new Set();
  #timer;
  #event = null;
  // The event lies ready for its owner, or the owner has it: only then can it be handled.
  #isReady = false;
  #isTaken = false;
  #waiters = [];
  #end = null;
  #fault = null;
  #nudge = () => {
    if (globalThis.document?.visibilityState !== "hidden") this.online();
  };

  constructor(url, tenant, key, wishes = {}) {
    const {
      cursor = new MemoryCursor(), outbox, deadLetters, clock = new Clock(), onState, onReport, onReplaced,
      types = [], stations = [], categories = [], tickets = false, WebSocket = globalThis.WebSocket, doors, ...more
    } = wishes;
    const theOutbox = outbox ?? new Outbox({ clock });
    super(theOutbox, tenant);
    this.outbox = theOutbox;
    // Node 20 has no WebSocket unless it is given one: its first door is the event stream.
    const config = configOf({
      tenant, filter: { types, stations, categories },
      doors: doors ?? DOORS.filter((door) => door !== "websocket" || WebSocket), ...more,
    });
    if (config.doors.includes("websocket") && !WebSocket) throw new TypeError("there is no WebSocket: give one");
    this.#machine = new Machine(config);
    this.#client = new Client(url, key);
    this.#tenant = tenant;
    this.#path = `/api/tenant/${encodeURIComponent(tenant)}`;
    this.#clock = clock;
    this.#cursor = cursor;
    this.#letters = deadLetters;
    this.#told = { onState, onReport, onReplaced };
    this.#wishes = { WebSocket, tickets };
    this.#limit = Math.min(config.window, PAGE_EVENTS);
  }

  // The last offset that was handled and kept.
  get offset() {
    return this.#machine.cursor;
  }

  // Life.

  // Read the disk, and connect. Throws `CursorDamaged`, or `Damaged` of the outbox's log.
  async open() {
    let start = {};
    try {
      start.cursor = await this.#cursor.load();
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      start = { cursor: null, damaged: error.message };
    }
    await this.outbox.start(this.#client);
    globalThis.addEventListener?.("online", this.#nudge);
    globalThis.document?.addEventListener("visibilitychange", this.#nudge);
    this.#feed("start", start);
    if (this.#end) {
      await this.#close();
      throw this.#end;
    }
    return this;
  }

  // End it: an event in the hand is not done, what is on the disk is acknowledged.
  async stop() {
    this.#feed("stop");
    await this.#close();
  }

  async #close() {
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("online", this.#nudge);
    globalThis.document?.removeEventListener("visibilitychange", this.#nudge);
    await this.outbox.close();
    let timer;
    const enough = new Promise((resolve) => (timer = setTimeout(resolve, STOP_MS)));
    await Promise.race([Promise.all(this.#work), enough]);
    clearTimeout(timer);
  }

  // There is a network again: no pause of our own is waited out, and a stream is looked at.
  online() {
    this.#feed("online");
    this.#feed("wake");
    this.#network.back();
    this.outbox.online();
  }

  // Events.

  [Symbol.asyncIterator]() {
    return this;
  }

  // The next event; to ask for it is to say that the one before is handled.
  async next() {
    await this.handled();
    const event = await this.#next();
    return event ? { value: event, done: false } : { value: undefined, done: true };
  }

  // A loop was left: the event in the hand is not handled, and comes again.
  async return() {
    return { value: undefined, done: true };
  }

  // The event in the hand is handled: wait until that is on the disk.
  async handled() {
    const event = this.#event;
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#feed("handled", { offset: event.offset });
    while (!this.#fault && !this.#end && this.offset !== event.offset && this.#event === event) await this.#news();
  }

  // Handle every event until it is over. A handler that throws is tried again, and then its event is put aside.
  async run(handler) {
    for (let event = await this.#next(); event; event = await this.#next()) {
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

  async #next() {
    while (!this.#isReady && !this.#isTaken) {
      if (this.#fault) throw this.#fault;
      if (this.#end?.reason === "closed") return null;
      if (this.#end) throw this.#end;
      await this.#news();
    }
    this.#isReady = false;
    this.#isTaken = true;
    return this.#event;
  }

  #news() {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #tellWaiters() {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  // Ask to be the one that does this with an order, and do `work(claim)` where it is ours. The claim is renewed
  // meanwhile, and done when `work` ends; where it throws, the claim runs out for another to take.
  async claim(order, purpose, work, { ttl = 30 } = {}) {
    const claim = await this.newClaim(order, purpose, { ttl }).open();
    if (!claim.isMine) return claim;
    try {
      await work(claim);
    } catch (error) {
      claim.leave();
      throw error;
    }
    await claim.finish();
    return claim;
  }

  newClaim(order, purpose, { ttl = 30 } = {}) {
    const orderId = typeof order === "string" ? order : order.data.orderId;
    return new Claim(this.#client, this.outbox, this.#network, this.#tenant, orderId, purpose, ttl);
  }

  // The machine.

  // Give the machine an input, and do what it says; what comes of that at once is taken in its turn.
  #feed(type, members) {
    this.#inputs.push({ type, ...members });
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#inputs.length) {
        const moment = { at: this.#clock.nowMs(), chance: Math.random() };
        for (const output of this.#machine.receive({ ...this.#inputs.shift(), ...moment })) {
          this[`do_${output.type}`](output);
        }
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isPumping = false;
    }
    clearTimeout(this.#timer);
    const { due } = this.#machine;
    if (due !== null) this.#timer = this.#clock.callAt(due, () => this.#feed("wake"));
    this.#tellWaiters();
  }

  // A fault of ours, or of a callback: loud, and not a stream that stands still.
  #fail(error) {
    this.#fault ??= error;
    this.#tellWaiters();
  }

  #start(work) {
    const running = work.catch((error) => this.#fail(error)).finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  #newLink(number) {
    const feed = (type, members) => this.#feed(type, members);
    this.#link = new Link(number, this.#client, this.#tenant, feed, this.#wishes);
  }

  do_connect(output) {
    this.#newLink(output.link);
    const query = eventsOf(output);
    this.#start(output.door === "websocket" ? this.#link.webSocket(query) : this.#link.sse(query));
  }

  do_poll(output) {
    if (this.#link?.number !== output.link) this.#newLink(output.link);
    this.#start(this.#link.poll({ ...eventsOf(output), limit: this.#limit }, output.wait));
  }

  do_close({ link, code }) {
    if (this.#link?.number !== link) return;
    this.#link.close(code);
    this.#link = null;
  }

  do_pause() {
    this.#link?.pause();
  }

  do_resume() {
    this.#link?.resume();
  }

  do_send({ message }) {
    this.#link?.send(message);
  }

  do_deliver(output) {
    this.#event = eventOf(output);
    this.#isReady = true;
    this.#isTaken = false;
  }

  do_store({ cursor }) {
    this.#start(this.#keep(async () => this.#cursor.save(cursor), "stored", cursor.offset));
  }

  do_bury({ offset, attempts, error }) {
    const at = new Date(this.#clock.wallMs()).toISOString();
    const letter = { event: this.#event.document, attempts, error, at };
    this.#start(this.#keep(async () => this.#letters?.add(letter), "buried", offset));
  }

  async #keep(work, done, offset) {
    try {
      await work();
    } catch (error) {
      this.#feed("store_failed", { detail: String(error) });
      return;
    }
    this.#feed(done, { offset });
  }

  // An answer, or null where nobody answers.
  async #ask(method, rest, more) {
    try {
      return await this.#client.ask(method, `${this.#path}/${rest}`, more);
    } catch (error) {
      if (error instanceof Unreachable) return null;
      throw error;
    }
  }

  do_post_ack({ body }) {
    this.#start(this.#postAck(body));
  }

  async #postAck(body) {
    const answer = await this.#ask("POST", "acks", { body });
    if (answer?.status === 204) this.#feed("acked");
    else this.#feed("ack_failed", { status: answer?.status ?? null, retryAfterMs: answer?.retryAfterMs });
  }

  do_fetch_order({ offset, orderId }) {
    this.#start(this.#fetchOrder(offset, orderId));
  }

  async #fetchOrder(offset, orderId) {
    const answer = await this.#ask("GET", `orders/${encodeURIComponent(orderId)}`);
    if (answer?.status === 200 && answer.json) this.#feed("order", { offset, order: answer.json });
    else this.#feed("order_failed", { offset, status: answer?.status ?? null, retryAfterMs: answer?.retryAfterMs });
  }

  do_fetch_snapshot() {
    this.#start(this.#fetchSnapshot());
  }

  async #fetchSnapshot() {
    const orders = [];
    let offset = null;
    let query = { status: OPEN };
    for (let n = 0; n < SNAPSHOT_PAGES; n += 1) {
      const answer = await this.#ask("GET", "orders", { query });
      const page = answer?.json;
      if (answer?.status !== 200 || !Array.isArray(page?.orders)) {
        const { status = null, problem = null, retryAfterMs } = answer ?? {};
        this.#feed("snapshot_failed", { status, problem, retryAfterMs });
        return;
      }
      offset ??= page.offset;
      orders.push(...page.orders);
      if (page.next == null) {
        this.#feed("snapshot", { offset, orders });
        return;
      }
      query = { ...query, after: page.next };
    }
    this.#feed("snapshot_failed", { status: null, problem: null });
  }

  do_state({ type, ...state }) {
    if ("since" in state) state.since = new Date(this.#clock.wallMs() - (this.#clock.nowMs() - state.since));
    this.state = state;
    this.#told.onState?.(state);
  }

  do_report({ type, ...report }) {
    this.#told.onReport?.(report);
  }

  do_wait({ ms, door, why }) {
    this.#told.onReport?.({ kind: "wait", ms, door, why });
  }

  do_ask() {
    this.#start(this.#askOwner());
  }

  async #askOwner() {
    const back = await this.#told.onReplaced?.();
    this.#feed("owner", { decision: back ? "return" : "stop" });
  }

  do_stop({ reason, code, detail }) {
    this.#end = stopOf(reason, code, this.#link?.detail ?? detail);
  }
}
