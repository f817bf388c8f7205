// The wall's own notes, by which it judges: which orders were placed, and what each till was handed. Pure.
//
// A till owes every order that was placed here. One that a till has passed by, with a later event in its hand, and was
// not handed, is lost; one that it has not come to yet is under way, and for how long is said: where nothing later
// comes, that is how a loss shows.

import { distance } from "../sdk/core/offsets.js";

const isUpTo = (offset, passed) => passed !== null && (distance(offset, passed) ?? -1) >= 0;

export class Notes {
  #placed = new Map();
  #tills;
  #repeated = 0;
  #forged = 0;

  constructor(tills) {
    this.#tills = new Map(tills.map((till) => [till, { got: new Set(), passed: null, owed: new Map() }]));
  }

  // An answer said at `now` that this order is placed; saying it again changes nothing.
  place(orderId, offset, now) {
    if (this.#placed.has(orderId)) return;
    this.#placed.set(orderId, offset);
    for (const till of this.#tills.values()) if (!till.got.has(orderId)) till.owed.set(orderId, { offset, since: now });
  }

  // A till was handed a new order.
  hand(name, orderId, offset, orderNumber) {
    const till = this.#tills.get(name);
    if (till.got.has(orderId)) this.#repeated += 1;
    till.got.add(orderId);
    till.owed.delete(orderId);
    if (orderNumber === "FORGED") this.#forged += 1;
    this.pass(name, offset);
  }

  // A till was handed any event.
  pass(name, offset) {
    this.#tills.get(name).passed = offset;
  }

  // How many orders a till was handed.
  countOf(name) {
    return this.#tills.get(name).got.size;
  }

  // `underWay` is how many hand-overs are still to come, `oldestMs` for how long the oldest of them is waited for.
  verdict(now) {
    let lost = 0;
    let underWay = 0;
    let oldest = now;
    for (const { owed, passed } of this.#tills.values()) {
      for (const { offset, since } of owed.values()) {
        if (isUpTo(offset, passed)) lost += 1;
        else {
          underWay += 1;
          oldest = Math.min(oldest, since);
        }
      }
    }
    return { placed: this.#placed.size, lost, repeated: this.#repeated, forged: this.#forged, underWay, oldestMs: now - oldest };
  }
}
