// The six tills of the wall: terminals of the SDK in this page, each with its tile.

import { MemoryCursor, Terminal } from "../sdk/index.js";
import { Tile } from "./tile.js";

export class Crowd {
  tiles = [];
  #tills;
  #tenant;
  #notes;
  #latency;

  constructor(tenant, tills, notes, latency) {
    this.#tenant = tenant;
    this.#tills = tills;
    this.#notes = notes;
    this.#latency = latency;
    this.tiles = tills.map(({ name }) => new Tile(name));
  }

  // Connect them all; answers when each was live once, so that each owes every order from then on.
  async open() {
    await Promise.all(this.#tills.map((till, index) => this.#start(till, this.tiles[index])));
  }

  // Which gateway has which terminal now.
  place(gateways) {
    this.#tills.forEach(({ terminalId }, index) => {
      this.tiles[index].pod = gateways[terminalId] ?? null;
    });
  }

  draw() {
    for (const tile of this.tiles) tile.draw();
  }

  #start({ name, key }, tile) {
    return new Promise((resolve, reject) => {
      const onState = (state) => {
        tile.state = state;
        tile.draw();
        if (state.state === "live") resolve();
      };
      const terminal = new Terminal(globalThis.location.origin, this.#tenant, key, {
        cursor: new MemoryCursor(), start: "head", onState,
      });
      this.#follow(terminal, name, tile).catch(reject);
    });
  }

  async #follow(terminal, name, tile) {
    await terminal.open();
    for await (const event of terminal) this.#take(event, name, tile);
  }

  #take({ type, offset, data, document }, name, tile) {
    if (type !== "new_order") {
      this.#notes.pass(name, offset);
      return;
    }
    this.#notes.hand(name, data.orderId, offset, data.orderNumber);
    tile.count += 1;
    tile.last = `${data.orderNumber} · ${data.customerName ?? "no name"}`;
    if (tile.state.state !== "live") {
      tile.replayed += 1;
      return;
    }
    const now = Date.now();
    tile.took = Math.max(0, now - Date.parse(document.timestamp));
    this.#latency.add(tile.took, now);
  }
}
