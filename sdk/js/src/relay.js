// The stream of the tab that leads, passed on to the others: each of them has it as a WebSocket of its own.
//
// A tab that comes with an offset which the leader's stream does not know, as after a list of orders, reads on by polling
// until the two meet. So every tab has its own exact run, and the terminal has one connection.

import { sleep } from "./clock.js";
import { isEvent, isPage } from "./core/shapes.js";
import { canonical } from "./core/values.js";
import { Ring } from "./ring.js";

const LEAST_WAIT_MS = 500;
const AGAIN_MS = 2_000;
const POLL_SECONDS = 25;
const HEARTBEAT_SECONDS = 20;
const REPLACED = 4409;
const GO_AWAY = 1001;
const CODES = { 400: 4400, 401: 4401, 403: 4403, 404: 4404, 422: 4400 };
const GONE = Object.freeze({ code: GO_AWAY, reason: `retry_ms=${AGAIN_MS}` });

export class Relay {
  ring = new Ring();
  // Where the leader's stream is: its `hello`, and whether it was `caught_up`; null where there is none.
  hello = null;
  isCaughtUp = false;
  reading = null;
  #replaced = false;
  #tabs;
  #pages;
  #isStuck;
  #sockets = new Set();

  // `pages(query, wait, signal)` reads a page of the log, null where nobody answers. `isStuck()`: the tab does not read what
  // came and so may not notice that its stream is over, or it has ended itself.
  constructor(tabs, pages, isStuck) {
    this.#tabs = tabs;
    this.#pages = pages;
    this.#isStuck = isStuck;
  }

  // Of the leader: what its own stream brings.

  hear(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    this.#note(message, text);
  }

  page(after, page) {
    if (!isPage(page)) return;
    const { events, offset, head, reset, reading = null } = page;
    if (!this.hello) {
      this.#up({ type: "hello", head, heartbeatSeconds: HEARTBEAT_SECONDS });
      if (after !== null && after !== "acked") this.ring.begin(after);
    }
    this.reading = reading;
    if (reset) this.#note({ type: "reset", ...reset });
    for (const event of events) this.#note(event);
    this.#note({ type: "caught_up", offset });
  }

  // There is no stream any more.
  down(code) {
    this.#replaced = code === REPLACED;
    this.forget();
    this.#tabs.cast("down", this.#replaced ? { code, reason: "" } : GONE);
  }

  forget() {
    this.hello = null;
    this.isCaughtUp = false;
  }

  #up(hello) {
    this.hello = hello;
    this.reading = hello.reading ?? null;
    this.#replaced = this.isCaughtUp = false;
  }

  #note(message, text = JSON.stringify(message)) {
    const { type, offset } = message;
    if (type === "hello") {
      this.#up(message);
      this.ring.begin(message.after);
    } else if (type === "reset") {
      this.ring.clear();
      this.#tabs.cast("text", text);
    } else if (type === "caught_up") {
      this.ring.add(offset);
      this.isCaughtUp = true;
      this.#tabs.cast("text", text);
    } else if (!isEvent(message)) {
      this.#tabs.cast("text", text);
    } else if (this.ring.add(offset, text)) {
      this.#tabs.cast("text", text);
    }
  }

  // What a tab is told that wants the stream behind one of these offsets, or from now on (null).
  answer(places) {
    const wantsNow = places[0] === null;
    if (!this.hello || (wantsNow && !this.isCaughtUp)) {
      const isStuck = this.#isStuck();
      return this.#replaced && !isStuck ? { end: { code: REPLACED, reason: "" } } : { end: GONE, isStuck };
    }
    const { ring, isCaughtUp } = this;
    const { heartbeatSeconds } = this.hello;
    const after = wantsNow ? ring.position : places.find((place) => ring.after(place) !== null);
    if (after === undefined) return { heartbeatSeconds };
    return { heartbeatSeconds, after, texts: ring.after(after), head: ring.position, isCaughtUp };
  }

  // Of the others.

  take(kind, body) {
    for (const socket of [...this.#sockets]) socket.take(kind, body);
  }

  // To use as the platform's WebSocket, for a tab that does not lead.
  get Socket() {
    const [relay, tabs, pages, sockets] = [this, this.#tabs, this.#pages, this.#sockets];
    return function Socket(url) {
      return new SharedSocket(relay, tabs, pages, sockets, new URL(url).searchParams);
    };
  }
}

// A WebSocket as far as a link sees.
class SharedSocket {
  readyState = 0;
  #relay;
  #tabs;
  #pages;
  #sockets;
  #query;
  // Where it is, and the last event of that page, which lies at or before it with nothing for us between them.
  #position;
  #last = null;
  #isGreeted = false;
  #isJoined = false;
  #ending = new AbortController();

  constructor(relay, tabs, pages, sockets, query) {
    this.#relay = relay;
    this.#tabs = tabs;
    this.#pages = pages;
    this.#sockets = sockets;
    this.#query = Object.fromEntries(query);
    this.#position = this.#query.after ?? null;
    sockets.add(this);
    queueMicrotask(() => this.#run());
  }

  // A tab has no word for the server: what it handled it says to the leader. But it may ask whether anybody is there.
  send(text) {
    if (JSON.parse(text).type === "ping") this.#say({ type: "pong", head: this.#position });
  }

  close(code = 1000) {
    this.#end({ code, reason: "" });
  }

  #end({ code, reason }) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#sockets.delete(this);
    this.#ending.abort();
    this.onclose?.({ code, reason });
  }

  #say(message, text = JSON.stringify(message)) {
    if (this.readyState === 1) this.onmessage?.({ data: text });
  }

  // The leader's word to all.
  take(kind, body) {
    if (!this.#isJoined) return;
    if (kind === "down") this.#end(body);
    else if (kind === "text") this.#pass(body);
  }

  #pass(text) {
    const message = JSON.parse(text);
    const { ring } = this.#relay;
    if (message.type === "reset") ring.clear();
    if (message.type === "caught_up") ring.add(message.offset);
    if (isEvent(message)) ring.add(message.offset, text);
    if (message.offset) this.#position = message.offset;
    this.#say(message, text);
  }

  async #run() {
    this.readyState = 1;
    this.onopen?.();
    for (let again = false; this.readyState === 1; again = true) {
      const places = [this.#position, ...(this.#last === null ? [] : [this.#last])];
      const found = await this.#tabs.ask("join", { places, filter: this.#filter }).catch(() => ({ end: GONE }));
      if (this.readyState !== 1) return;
      if (found.isStuck) this.#tabs.steal();
      if (found.end) this.#end(found.end);
      else if (found.texts) this.#join(found);
      else await this.#readOn(found, again);
      if (this.#isJoined) return;
    }
  }

  // As the machine has it: lists, in their order.
  get #filter() {
    const { after, ...filter } = this.#query;
    return canonical(Object.fromEntries(Object.entries(filter).map(([name, text]) => [name, text.split(",")])));
  }

  #join({ heartbeatSeconds, after, texts, head, isCaughtUp }) {
    this.#relay.ring.begin(after);
    this.#greet(head, after, heartbeatSeconds);
    this.#isJoined = true;
    for (const text of texts) this.#pass(text);
    if (isCaughtUp) this.#pass(JSON.stringify({ type: "caught_up", offset: head }));
  }

  #greet(head, after, heartbeatSeconds) {
    if (this.#isGreeted) return;
    this.#isGreeted = true;
    this.#say({ type: "hello", head, after, heartbeatSeconds, reading: null });
  }

  // One page of the log, where the leader's stream was not met.
  async #readOn({ heartbeatSeconds = HEARTBEAT_SECONDS }, again) {
    if (again) await sleep(LEAST_WAIT_MS);
    const wait = again ? Math.floor(Math.min(POLL_SECONDS, heartbeatSeconds)) : 0;
    const query = { ...this.#query, ...(this.#position === null ? {} : { after: this.#position }) };
    const answer = await this.#pages(query, wait, this.#ending.signal);
    if (this.readyState !== 1) return;
    const page = answer?.json;
    if (answer?.status !== 200 || !page) {
      const code = answer?.problem ? CODES[answer.status] : null;
      this.#end(code ? { code, reason: answer.problem } : { code: GO_AWAY, reason: `retry_ms=${answer?.retryAfterMs ?? AGAIN_MS}` });
      return;
    }
    this.#greet(page.head, page.reset || !page.events.length ? page.offset : this.#position ?? page.head, heartbeatSeconds);
    if (page.reset) this.#say({ type: "reset", ...page.reset });
    for (const event of page.events) this.#say(event);
    this.#position = page.offset;
    this.#last = page.events.at(-1)?.offset ?? this.#last;
    if (!page.more) this.#say({ type: "caught_up", offset: page.offset });
    if (!page.events.length) this.#say({ type: "heartbeat", head: page.offset });
  }
}
