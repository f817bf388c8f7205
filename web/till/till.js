// The till itself, without a face: its stream, its outbox, its board and what of them is kept.

import { IndexedLog, Outbox, Terminal } from "../sdk/index.js";
// The SDK fetches this part when it opens. Named here it is kept with the others, for a start without a network.
import "../sdk/keeping.js";
import { Asker } from "./ask.js";
import { Board } from "./board.js";
import { Place } from "./place.js";
import { forgetKey, KEPT, OUTBOX, readStation, readShop, writeShop, writeStation } from "./settings.js";
import { Store } from "./store.js";
import { countOf, orderIdOf, stepsOf } from "./waiting.js";

const COMPLETE_AT_ONCE = 4;
const SHOP_AGAIN_MS = 10 * 60_000;

export class Till {
  board = new Board();
  state = { state: "new" };
  station = readStation();
  shop = readShop();
  ask;
  #paired;
  #told;
  #store = new Store();
  #place = new Place();
  #terminal = null;
  #outbox = null;
  #shopTimer;
  // Whether the last question after the shop had no answer.
  #isUnlearned = false;
  #decide = null;

  // `told`: `onBoard()`, `onState()`, `onArrived(orders)`, `onConflict(command, why)`, `onHold()`, `onShop()`,
  // `onLost()` where the browser has lost what was kept.
  constructor(paired, told) {
    this.#paired = paired;
    this.#told = told;
    this.ask = new Asker(paired);
  }

  get tenant() {
    return this.#paired.tenant;
  }

  get terminal() {
    return this.#terminal;
  }

  get waiting() {
    return this.#outbox ? countOf(this.#outbox.commands) : 0;
  }

  // Show what was kept, then take the place of other windows and connect.
  async start() {
    this.board.load(await this.#store.open());
    this.#told.onBoard();
    this.#learnShop();
    await this.#begin();
  }

  // Be the till again, where another window or device was.
  async takeBack() {
    if (this.#decide) this.#decide(true);
    else if (!this.#terminal) await this.#begin();
  }

  async #begin() {
    await this.#place.take(() => this.#leave());
    // Another window may have kept more since.
    this.#store.close();
    this.board = new Board();
    this.board.load(await this.#store.open());
    await this.#connect();
  }

  async #connect() {
    const outbox = new Outbox({
      onDone: (command, answer) => this.#answered(command, answer),
      onConflict: (command, why) => {
        this.#showWaiting();
        this.#told.onConflict(command, why);
      },
      onHold: () => this.#told.onHold(),
    });
    const terminal = new Terminal(location.origin, this.#paired.tenant, this.#paired.key, {
      // The board has the cursor; commands are kept by the SDK.
      cursor: this.#store.cursor, outbox, store: KEPT, start: "snapshot", onDamage: "acked",
      onReport: ({ kind, lost }) => kind === "store" && lost && this.#told.onLost(),
      stations: this.station ? [this.station] : [],
      onState: (state) => this.#setState(state),
      onReplaced: () => new Promise((resolve) => (this.#decide = resolve)).finally(() => (this.#decide = null)),
    });
    [this.#outbox, this.#terminal] = [outbox, terminal];
    try {
      await terminal.open();
    } catch (error) {
      // A disk that was hurt: its sentence is shown, and a person decides.
      await this.#end(terminal, error);
      return;
    }
    this.#showWaiting();
    terminal.run((event) => this.#take(event)).catch((error) => this.#end(terminal, error));
  }

  // The stream is over, and does not come back by itself.
  async #end(terminal, error) {
    if (this.#terminal !== terminal) return;
    this.#setState({ state: error.name === "Revoked" ? "revoked" : "stopped", reason: error.reason ?? error.message });
    this.#terminal = null;
    await terminal.stop();
  }

  // Another window wants to be the till.
  async #leave() {
    await this.stop();
    this.#setState({ state: "elsewhere" });
  }

  async stop() {
    clearTimeout(this.#shopTimer);
    const terminal = this.#terminal;
    this.#terminal = null;
    await terminal?.stop();
    this.#store.close();
  }

  // The terminal's states are told while it is this window's.
  #setState(state) {
    if (!this.#terminal && state.state !== "elsewhere") return;
    this.state = state;
    this.#told.onState();
    // A till that began without a network knows its shop of the last time, or none.
    if (state.state === "live" && this.#isUnlearned) this.#learnShop();
  }

  #take(event) {
    const change = this.board.apply(event);
    this.#store.stage(change);
    if (event.type === "new_order" && change.kept) this.#told.onArrived(change.kept);
    if (change.all) this.#completeAll();
    if (Object.keys(change).length) this.#told.onBoard();
  }

  // A list has no history: promises are asked for, a few at a time.
  async #completeAll() {
    const wanted = this.board.orders.filter(({ short, status }) => short && status === "preparing");
    const work = async () => {
      for (let order = wanted.shift(); order; order = wanted.shift()) {
        const change = this.board.complete(await this.ask.order(order.orderId));
        await this.#store.write(change);
        this.#told.onBoard();
      }
    };
    // What cannot be had is reckoned with the shop's usual time.
    await Promise.allSettled(Array.from({ length: COMPLETE_AT_ONCE }, work));
  }

  async #learnShop() {
    clearTimeout(this.#shopTimer);
    this.#shopTimer = setTimeout(() => this.#learnShop(), SHOP_AGAIN_MS);
    try {
      this.shop = await this.ask.shop();
      this.#isUnlearned = false;
      writeShop(this.shop);
      this.#told.onShop();
    } catch {
      this.#isUnlearned = true;
      // It is as it was the last time, and the light says that nobody answers.
    }
  }

  // Steps.

  // Give a step; it is on the disk when this answers.
  async step(order, status, more = {}) {
    await this.#outbox.submit("PATCH", this.#path(`orders/${encodeURIComponent(order.orderId)}/status`), given({ status, ...more }));
    this.#showWaiting();
  }

  // Give anything else that must not be lost: `{id, answer}` when it is on the disk.
  async submit(method, path, body) {
    const command = await this.#outbox.submit(method, path, given(body));
    this.#showWaiting();
    return command;
  }

  #path(rest) {
    return `/api/tenant/${encodeURIComponent(this.#paired.tenant)}/${rest}`;
  }

  #answered(command, answer) {
    const orderId = orderIdOf(command);
    if (orderId) this.board.answered(orderId, answer);
    this.#showWaiting();
  }

  #showWaiting() {
    this.board.wait(stepsOf(this.#outbox.commands));
    this.#told.onBoard();
  }

  // Another station has another stream, which begins with all its open orders.
  async choose(station) {
    this.station = station;
    writeStation(station);
    if (!this.#terminal) return;
    const terminal = this.#terminal;
    this.#terminal = null;
    await terminal.stop();
    await this.#store.dropCursor();
    await this.#connect();
  }

  // Take all that is kept away.
  async forget() {
    await this.stop();
    await this.#store.forget();
    const log = new IndexedLog(OUTBOX);
    await log.hold().then(() => log.rewrite([])).catch(() => {});
    forgetKey();
  }
}

// A body without the members that were left out.
const given = (body) => Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
