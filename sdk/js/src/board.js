// A screen that shows a shop's events: what its machine says, done with sockets, a store and a handler. It decides nothing
// itself. A `Terminal` is one that gives commands, too.

import { Clock } from "./clock.js";
import { configOf, DOORS } from "./core/config.js";
import { Machine } from "./core/machine.js";
import { Damaged } from "./core/records.js";
import { Errands } from "./errands.js";
import { stopOf } from "./errors.js";
import { Hand } from "./hand.js";
import { Client } from "./http.js";
import { Link } from "./links.js";
import { Network } from "./network.js";
import { watchPage } from "./page.js";
import { PARTS } from "./small.js";
import { MemoryCursor } from "./stores.js";

const PAGE_EVENTS = 100;
const STOP_MS = 5_000;
const BYE = 1000;
const GO_AWAY = 1001;
const CUT = 1006;
const STREAM_ENDS = new Set(["closed", "failed", "refused"]);

const eventsOf = ({ after, filter }) => ({
  ...(after === null ? {} : { after }),
  ...Object.fromEntries(Object.entries(filter).map(([name, values]) => [name, values.join(",")])),
});

const haveTabs = () => Boolean(globalThis.navigator?.locks && globalThis.BroadcastChannel);

export class Board {
  state = { state: "new" };
  #outbox;
  #machine;
  #client;
  #config;
  #errands;
  #sharing = null;
  #store;
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
  #hand = new Hand((type, members) => this.#feed(type, members), () => this.offset);
  #isStuck = false;
  #unwatch = () => {};

  constructor(url, tenant, key, wishes = {}) {
    const {
      clock = new Clock(), cursor, outbox = null, deadLetters, onState, onReport, onReplaced,
      types = [], stations = [], categories = [], tickets = false, WebSocket = globalThis.WebSocket, doors, ...more
    } = wishes;
    // A page whose owner keeps things itself is left alone.
    const isPage = Boolean(globalThis.document) && !cursor && !outbox?.hasLog;
    const { store = isPage, share = isPage, ...rest } = more;
    this.#outbox = outbox;
    // Node 20 has no WebSocket unless it is given one: its first door is the event stream.
    const config = configOf({
      tenant, filter: { types, stations, categories },
      doors: doors ?? DOORS.filter((door) => door !== "websocket" || WebSocket), ...rest,
    });
    if (config.doors.includes("websocket") && !WebSocket) throw new TypeError("there is no WebSocket: give one");
    this.#machine = new Machine(config);
    this.#client = new Client(url, key);
    this.#config = config;
    this.#errands = new Errands(this.#client, tenant);
    this.#clock = clock;
    this.#cursor = cursor ?? new MemoryCursor();
    if (store && !globalThis.document) throw new TypeError("store is for pages: in Node give a FileCursor and a FileLog");
    this.#store = { store, share, hasCursor: !cursor && (rest.start === undefined || typeof store === "string") };
    this.#letters = deadLetters;
    this.#told = { onState, onReport, onReplaced };
    this.#wishes = { WebSocket, tickets };
    this.#limit = Math.min(config.window, PAGE_EVENTS);
  }

  // Whether this tab is the one that has the connection; a terminal that is not shared always is.
  get isLeading() {
    return this.#sharing?.isLeading ?? true;
  }

  // The last offset that was handled and kept.
  get offset() {
    return this.#machine.cursor;
  }

  // Life.

  // Read the disk, and connect. Throws `CursorDamaged`, or `Damaged` of the outbox's log.
  async open() {
    await this.#findStore();
    let start = {};
    try {
      if (!this.#sharing) await this.#cursor.hold?.();
      start.cursor = await this.#cursor.load();
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      start = { cursor: null, damaged: error.message };
    }
    try {
      await (this.#sharing ? this.#sharing.join() : this.#outbox?.lead());
    } catch (error) {
      await this.#close();
      throw error;
    }
    this.#unwatch = watchPage({ awake: () => this.online(), offline: () => this.isLeading && this.#cut(CUT, "offline") });
    this.#feed("start", start);
    if (this.#hand.end) {
      await this.#close();
      throw this.#hand.end;
    }
    return this;
  }

  async #findStore() {
    const { store, share, hasCursor } = this.#store;
    // Two parts that a page fetches only where they are wanted: with a store of its own it needs neither.
    const { keepingOf } = store ? await import("./keeping.js") : {};
    const { Sharing } = share && haveTabs() ? await import("./sharing.js") : {};
    const keeping = await keepingOf?.(store, this[PARTS], (report) => this.do_report(report));
    if (hasCursor && keeping) this.#cursor = keeping.cursor;
    this.#outbox?.connect(this.#client, keeping?.log);
    if (Sharing) this.#sharing = new Sharing(store, this[PARTS], this.#till);
    else if (share) this.do_report({ kind: "not-shared", detail: "tabs need Web Locks, which need TLS" });
  }

  // What the tabs that share it want of it.
  #till = {
    isStuck: () => this.#isStuck || Boolean(this.#hand.end ?? this.#hand.fault),
    moved: () => this.#cut(GO_AWAY, "retry_ms=0"),
    online: () => this.online(),
    fail: (error) => this.#hand.fail(error),
    offset: () => this.offset,
  };

  // Leave the stream: there is another one to be had, or no network any more.
  #cut(code, reason) {
    const link = this.#link;
    if (!link) return;
    link.close(BYE);
    this.#link = null;
    if (code === CUT) this.#sharing?.relay.down();
    this.#feed("closed", { link: link.number, code, reason });
  }

  // End it: an event in the hand is not done, what is on the disk is acknowledged.
  async stop() {
    this.#sharing?.rest();
    this.#feed("stop");
    await this.#close();
  }

  async #close() {
    clearTimeout(this.#timer);
    this.#unwatch();
    this.#sharing?.rest();
    await this.#outbox?.close();
    await this.#sharing?.close();
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
    this.#outbox?.online();
    this.#sharing?.nudge();
  }

  // Events.

  [Symbol.asyncIterator]() {
    return this;
  }

  // The next event; to ask for it is to say that the one before is handled.
  async next() {
    await this.handled();
    const event = await this.#hand.next();
    return event ? { value: event, done: false } : { value: undefined, done: true };
  }

  // A loop was left: the event in the hand is not handled, and comes again.
  async return() {
    return { value: undefined, done: true };
  }

  // The event in the hand is handled: wait until that is on the disk.
  async handled() {
    await this.#hand.handled();
  }

  // Handle every event until it is over. A handler that throws is tried again, and then its event is put aside.
  async run(handler) {
    await this.#hand.run(handler);
  }

  // What is made of it: commands, claims, and a place among tabs.
  get [PARTS]() {
    return {
      client: this.#client, network: this.#network, config: this.#config, errands: this.#errands,
      cursor: this.#cursor, outbox: this.#outbox, sharing: this.#sharing,
    };
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
      this.#hand.fail(error);
    } finally {
      this.#isPumping = false;
    }
    clearTimeout(this.#timer);
    const { due } = this.#machine;
    if (due !== null) this.#timer = this.#clock.callAt(due, () => this.#feed("wake"));
    this.#hand.tell();
  }

  #start(work) {
    const running = work.catch((error) => this.#hand.fail(error)).finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  // Where tabs share the stream, the one that leads passes it on, and the others take what it passes on.
  #newLink({ link, after }) {
    const { isLeading } = this;
    const relay = this.#sharing?.relay;
    const wishes = isLeading ? { ...this.#wishes, heard: (text) => relay?.hear(text) } : { WebSocket: relay.Socket };
    const feed = (type, members) => {
      if (isLeading && type === "page") relay?.page(after, members.page);
      if (isLeading && STREAM_ENDS.has(type)) relay?.down(members.code);
      this.#feed(type, members);
    };
    this.#link = new Link(link, this.#client, this.#config.tenant, feed, wishes);
    return isLeading;
  }

  do_connect(output) {
    const isLeading = this.#newLink(output);
    const query = eventsOf(output);
    const isSse = isLeading && output.door !== "websocket";
    this.#isStuck = false;
    this.#start(isSse ? this.#link.sse(query) : this.#link.webSocket(query));
  }

  do_poll(output) {
    if (this.#link?.number !== output.link) this.#newLink(output);
    this.#start(this.#link.poll({ ...eventsOf(output), limit: this.#limit }, output.wait));
  }

  do_close({ link, code }) {
    if (this.#link?.number !== link) return;
    this.#link.close(code);
    this.#link = null;
    if (this.isLeading) this.#sharing?.relay.down();
  }

  do_pause() {
    this.#isStuck = true;
    this.#link?.pause();
  }

  do_resume() {
    this.#isStuck = false;
    this.#link?.resume();
  }

  do_send({ message }) {
    this.#link?.send(message);
  }

  do_deliver(output) {
    this.#hand.put(output);
  }

  do_store({ cursor }) {
    const save = async () => (this.#sharing ? this.#sharing.keep(cursor) : this.#cursor.save(cursor));
    this.#start(this.#keep(save, "stored", cursor.offset));
  }

  do_bury({ offset, attempts, error }) {
    const at = new Date(this.#clock.wallMs()).toISOString();
    const letter = { event: this.#hand.event.document, attempts, error, at };
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

  do_post_ack({ body }) {
    this.#start(this.#run(this.#errands.ack(body)));
  }

  do_fetch_order(output) {
    this.#start(this.#run(this.#errands.order(output)));
  }

  do_fetch_snapshot() {
    this.#start(this.#run(this.#errands.snapshot()));
  }

  async #run(errand) {
    this.#feed(...(await errand));
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
    if (back) this.#sharing?.lead();
    this.#feed("owner", { decision: back ? "return" : "stop" });
  }

  do_stop({ reason, code, detail }) {
    this.#hand.end = stopOf(reason, code, this.#link?.detail ?? detail);
  }
}
