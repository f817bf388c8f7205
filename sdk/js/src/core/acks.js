// The words that say what is stored: soon, seldom enough, and never ahead of the disk. Pure.

import { soonest } from "./values.js";
import { Wait } from "./wait.js";

const ACK_MS = 250;
const EVENTS_AN_ACK = 32;
const ORDERS_AN_ACK = 500;
const AGAIN_MS = 1_000;
const LONGEST_AGAIN_MS = 30_000;

// Offsets and orders that are stored and not acknowledged yet; over HTTP one request at a time.
export class Acks {
  acked = null;
  #stored = 0;
  #soonAt = null;
  #orders = [];
  #underWay = null;
  #wait = new Wait();
  #failures = 0;

  // When to look again, in milliseconds: at nothing that could not be said then. `frames`: there is a WebSocket. `posts`:
  // there is a reading to post for, one request after the other.
  due(frames, posts) {
    const says = frames || (posts && !this.#underWay && this.#wait.until === null);
    return soonest(says ? this.#soonAt : null, this.#wait.until);
  }

  stored() {
    this.#stored += 1;
  }

  shown(orderIds) {
    this.#orders = this.#orders.concat(orderIds);
  }

  // The ack to send on a WebSocket now, if any.
  frame(cursor, now, idle) {
    if (!this.#isTime(cursor, now, idle)) return null;
    this.acked = cursor;
    return { type: "ack", offset: cursor };
  }

  // The body to post now, if any: of orders that a list showed at every door, of the stream where it is `reading`.
  request(cursor, reading, now, idle) {
    if (this.#underWay || (this.#wait.until !== null && !this.#wait.isOver(now))) return null;
    this.#wait.over();
    if (this.#orders.length) {
      this.#underWay = { orderIds: this.#orders.slice(0, ORDERS_AN_ACK) };
    } else if (reading !== null && this.#isTime(cursor, now, idle)) {
      this.#underWay = { offset: cursor, reading };
    }
    return this.#underWay;
  }

  #isTime(cursor, now, idle) {
    if (cursor === null || cursor === this.acked) {
      this.#soonAt = null;
      return false;
    }
    if (idle || this.#stored >= EVENTS_AN_ACK || (this.#soonAt !== null && now >= this.#soonAt)) {
      this.#stored = 0;
      this.#soonAt = null;
      return true;
    }
    this.#soonAt ??= now + ACK_MS;
    return false;
  }

  posted() {
    const body = this.#underWay;
    if (!body) return;
    this.#underWay = null;
    this.#failures = 0;
    this.#over(body);
  }

  // There is a network again.
  online(now, chance) {
    this.#wait.online(now, chance, this.#underWay !== null);
  }

  // Returns the body that is given up, where no other try would help.
  failed(now, chance, retryAfterMs, passing) {
    const body = this.#underWay;
    this.#underWay = null;
    if (!body) return null;
    if (passing) {
      const pause = retryAfterMs || AGAIN_MS * 2 ** Math.min(this.#failures, 10);
      this.#failures += 1;
      this.#wait.begin(now, Math.min(LONGEST_AGAIN_MS, pause), chance, Boolean(retryAfterMs));
      return null;
    }
    this.#over(body);
    return body;
  }

  #over(body) {
    if ("offset" in body) this.acked = body.offset;
    else this.#orders = this.#orders.slice(body.orderIds.length);
  }
}
