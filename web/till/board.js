// All open orders of the shop, as its log says and as this till's own steps will have it. Pure.
//
// The log's word is kept apart from what waits in the outbox: an order is shown as its last own step will leave it,
// and that step counts until the log has it, or until the server says no.

import { changed, listed, OPEN, placed, sameName, stationsOf } from "./order.js";

export const COLUMNS = ["later", "pending", "preparing", "ready"];

export class Board {
  #orders = new Map();
  // By order: {status, readyAt, reason, offset}; `offset` is null until the server has answered.
  #own = new Map();
  #shown = new Map();

  get size() {
    return this.#orders.size;
  }

  get orders() {
    return [...this.#orders.values()];
  }

  get(orderId) {
    return this.#orders.get(orderId) ?? null;
  }

  // Take back what was kept.
  load(orders) {
    for (const order of orders) this.#orders.set(order.orderId, order);
  }

  // Apply an event of the stream. Returns what is to be kept: `{kept, gone}`, orders and ids, or `{all}`.
  apply(event) {
    if (event.type === "snapshot") return this.#replace(event.data.orders);
    const { orderId } = event.data;
    if (!orderId) return {};
    if (event.type === "new_order") {
      if (this.#orders.has(orderId)) return {};
      return this.#put(placed(event));
    }
    const before = this.#orders.get(orderId);
    if (!before) return {};
    const after = changed(before, event);
    const own = this.#own.get(orderId);
    if (own?.offset === event.offset) this.#own.delete(orderId);
    return after === before ? {} : this.#put(after);
  }

  // The whole of an order was asked for, since a list tells nothing of its history.
  complete(order) {
    const before = this.#orders.get(order.orderId);
    if (!before?.short || before.status !== order.status) return {};
    return this.#put({ ...listed(order), seen: before.seen, alarm: before.alarm });
  }

  #put(order) {
    if (!OPEN.has(order.status)) {
      this.#orders.delete(order.orderId);
      this.#own.delete(order.orderId);
      return { gone: [order.orderId] };
    }
    this.#orders.set(order.orderId, order);
    return { kept: [order] };
  }

  #replace(orders) {
    const before = this.#orders;
    this.#orders = new Map();
    for (const order of orders) {
      // Orders that make no events would stay here for ever.
      if (order.broadcast === false || !OPEN.has(order.status)) continue;
      const found = listed(order);
      const known = before.get(order.orderId);
      if (known && known.status === found.status && found.short) {
        Object.assign(found, { since: known.since, readyAt: known.readyAt, by: known.by, short: known.short });
      }
      this.#orders.set(order.orderId, found);
    }
    // The list is newer than every answer to a step of ours that came before it.
    for (const [orderId, { offset }] of this.#own) if (offset !== null) this.#own.delete(orderId);
    return { all: this.orders };
  }

  // This till's own steps.

  // The steps that wait in the outbox, in its order: `[{orderId, status, readyAt}]`. It is shown as if it were done.
  wait(steps) {
    const waiting = new Map(steps.map((step) => [step.orderId, { ...step, offset: null }]));
    for (const [orderId, { offset }] of this.#own) if (offset === null && !waiting.has(orderId)) this.#own.delete(orderId);
    for (const [orderId, step] of waiting) {
      const known = this.#own.get(orderId);
      if (!known || known.offset !== null || known.status !== step.status) this.#own.set(orderId, step);
    }
  }

  // The server has answered a step: it counts until its event comes.
  answered(orderId, { status, offset, readyAt = null }) {
    const order = this.#orders.get(orderId);
    if (!order || order.seen.includes(offset) || !offset) return;
    this.#own.set(orderId, { orderId, status, readyAt: readyAt && Date.parse(readyAt), offset });
  }

  // An order as it is to be shown; the same object while neither it nor its step changed.
  shown(order) {
    const own = this.#own.get(order.orderId) ?? null;
    const last = this.#shown.get(order.orderId);
    if (last && last.order === order && last.own === own) return last.view;
    const view = own ? { ...order, status: own.status, readyAt: own.readyAt ?? order.readyAt, waits: own.offset === null } : order;
    this.#shown.set(order.orderId, { order, own, view });
    return view;
  }

  // The columns at `now`: orders as they are shown, newest first; those for later by their time.
  columns(now, { station = null, search = "" } = {}) {
    const found = { later: [], pending: [], preparing: [], ready: [] };
    const views = this.orders.map((order) => this.shown(order)).filter((view) => OPEN.has(view.status) && isOf(view, station));
    for (const view of searched(views, search)) {
      found[view.status === "pending" && view.due > now ? "later" : view.status].push(view);
    }
    for (const name of ["pending", "preparing", "ready"]) found[name].sort(newestFirst);
    found.later.sort((one, other) => one.due - other.due);
    for (const orderId of this.#shown.keys()) if (!this.#orders.has(orderId)) this.#shown.delete(orderId);
    return found;
  }
}

const newestFirst = (one, other) =>
  other.due - one.due || other.placed - one.placed || (one.orderNumber < other.orderNumber ? 1 : -1);

// Whether a stream with this filter would have carried it.
function isOf(order, station) {
  if (!station) return true;
  const stations = stationsOf(order);
  return !stations.length || stations.some((name) => sameName(name, station));
}

// Those that a search finds: the one whose number was typed to its end, or all that hold it.
function searched(orders, search) {
  const wanted = search.trim().toLowerCase();
  if (!wanted) return orders;
  const exact = orders.filter(({ orderNumber }) => orderNumber.toLowerCase() === wanted);
  return exact.length ? exact : orders.filter((order) => textsOf(order).some((text) => text.includes(wanted)));
}

const textsOf = ({ orderNumber, customerName, customerPhone, tableNumber, externalId }) =>
  [orderNumber, customerName, customerPhone, tableNumber, externalId].filter(Boolean).map((text) => String(text).toLowerCase());
