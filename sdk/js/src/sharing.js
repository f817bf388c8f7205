// One terminal for all tabs of a browser: what its leader keeps and answers for them, and how a tab takes its place.
//
// Every tab runs the same program and has every event. The first one that has handled an event has handled it for the
// terminal: a tab that hangs, or that the browser slows down because nobody looks at it, holds up no other.

import { canonical } from "./core/values.js";
import { InUse } from "./errors.js";
import { nameOf } from "./naming.js";
import { Relay } from "./relay.js";
import { Tabs } from "./tabs.js";

const ACK_MS = 1_000;
const SLACK_SECONDS = 20;

export class Sharing {
  relay;
  #tabs;
  #cursor;
  #outbox;
  #till;
  #filter;
  #errands;
  #config;
  // What the disk has, and the writing of it.
  #kept = null;
  #writing = Promise.resolve();
  #timer;
  #name;

  // `till`: `isStuck()`, `moved()` when another stream is to be had, `online()`, `offset()`, `fail(error)`.
  constructor(store, parts, till) {
    const { cursor, outbox, errands, config } = parts;
    const name = nameOf(store, parts);
    this.#name = name;
    this.#cursor = cursor;
    this.#outbox = outbox;
    this.#errands = errands;
    this.#config = config;
    this.#filter = canonical(config.filter);
    this.#till = till;
    this.#tabs = new Tabs(name, {
      lead: () => this.#lead(),
      follow: () => this.#follow(),
      answer: (kind, body, isOwn) => this.#answer(kind, body, isOwn),
      hear: (kind, body) => this.#hear(kind, body),
      fail: (error) => till.fail(error),
    });
    const path = `/api/tenant/${encodeURIComponent(config.tenant)}/events`;
    const pages = (query, wait, signal) =>
      parts.client.ask("GET", path, { query: { ...query, wait }, seconds: wait + SLACK_SECONDS, signal }).catch(() => null);
    this.relay = new Relay(this.#tabs, pages, () => till.isStuck());
  }

  get isLeading() {
    return this.#tabs.isLeading;
  }

  async join() {
    this.#outbox?.share(this.#tabs);
    await this.#tabs.join();
    if (!this.isLeading) this.#outbox?.mirror();
  }

  rest() {
    this.#tabs.rest();
  }

  // What is being written is written to its end; then the next tab leads.
  async close() {
    clearTimeout(this.#timer);
    await this.#writing;
    this.#tabs.close();
  }

  lead() {
    this.#tabs.steal();
  }

  // An event is handled here: it is on the disk when this answers, or will be as the leader comes by.
  keep(kept) {
    return this.#tabs.ask("handled", { kept, filter: this.#filter });
  }

  // A word to the tab that leads, where that is another one: look whether there is a network.
  nudge() {
    if (!this.isLeading) this.#tabs.ask("online").catch(() => {});
  }

  // Of all tabs one at a time does this.
  alone(what, work) {
    return navigator.locks.request(`${this.#name} ${what}`, work);
  }

  async #lead() {
    await this.#cursor.hold?.();
    this.#kept = await this.#onDisk();
    await this.#outbox?.lead();
    this.#till.moved();
  }

  // What the disk has; damage of what another tab wrote is mended by what this one knows.
  async #onDisk() {
    const kept = await Promise.resolve(this.#cursor.load()).catch(() => null);
    return kept && kept.tenant === this.#config.tenant && canonical(kept.filter) === this.#filter ? kept.offset : null;
  }

  #follow() {
    clearTimeout(this.#timer);
    this.#outbox?.follow();
    this.relay.forget();
    this.#till.moved();
  }

  async #answer(kind, body, isOwn) {
    if (kind === "join") return body.filter === this.#filter ? this.relay.answer(body.places) : {};
    if (kind === "handled") return isOwn || body.filter === this.#filter ? this.#handled(body.kept, isOwn) : null;
    if (kind === "online") return this.#till.online();
    return this.#outbox?.answer(kind, body);
  }

  #hear(kind, body) {
    if (kind === "lead") this.#outbox?.mirror();
    else if (kind === "text" || kind === "down") this.relay.take(kind, body);
    else this.#outbox?.hear(kind, body);
  }

  // One after the other: what is written later is never an earlier offset.
  #handled(kept, isOwn) {
    const writing = this.#writing.then(() => this.#write(kept, isOwn));
    this.#writing = writing.catch(() => {});
    return writing;
  }

  async #write(kept, isOwn) {
    if (!this.isLeading) throw new InUse("another tab leads now");
    if (!this.#isBehind(kept.offset, isOwn)) return;
    await this.#cursor.save(kept);
    this.#kept = kept.offset;
    if (!isOwn && this.#config.acks) this.#ackSoon();
  }

  // Whether the disk is behind this offset.
  #isBehind(offset, isOwn) {
    const { ring, isCaughtUp } = this.relay;
    const place = ring.place(offset);
    // One that the stream did not bring: of a list of orders, say. Another tab's the stream passes by itself.
    if (place === null) return isOwn;
    const kept = this.#kept === null ? -1 : ring.place(this.#kept);
    // The disk is ahead of the tab that took over, or far behind: once it is caught up, that is known.
    return kept === null ? isCaughtUp : kept < place;
  }

  // Our own machine acknowledges what it has handled itself. It may be behind another tab.
  #ackSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const { hello, reading } = this.relay;
      if (!this.isLeading || !hello || this.#till.offset() === this.#kept) return;
      // Where it is lost, a later one of our own says the same.
      this.#errands.ack({ offset: this.#kept, ...(reading && { reading }) }).catch((error) => this.#till.fail(error));
    }, ACK_MS);
  }
}
