// One order as the board has it: made from `new_order` or from a list, changed by what happens to it. Pure.
//
// An order is the contract's object and, besides: `since` (when its status came, in ms), `readyAt` (promised, in ms or
// null), `due` (from when it counts, in ms), `alarm` (the last alarm nobody has answered, or 0), `seen` (the offsets of
// what was applied). It is never changed in place.

export const OPEN = new Set(["pending", "preparing", "ready"]);

const ms = (moment) => (moment ? Date.parse(moment) : null);

// Money as the contract has it: at most three decimals, so a sum is rounded there.
const sum = (one, other) => Math.round((one + other) * 1000) / 1000;

export function placed({ offset, data, document }) {
  const at = ms(document.timestamp) ?? 0;
  return {
    ...data, since: at, readyAt: null, due: ms(data.dueAt) ?? at, placed: at, by: null, reason: null, alarm: 0,
    seen: offset ? [offset] : [],
  };
}

// An order of a list or of a snapshot. Its history, where it has one, says since when it is as it is.
export function listed(order) {
  const { history = [], receipts, ...data } = order;
  const last = history.at(-1);
  const at = ms(order.createdAt) ?? 0;
  return {
    ...data, since: ms(last?.at) ?? ms(order.updatedAt) ?? at, readyAt: ms(last?.readyAt), due: ms(order.dueAt) ?? at,
    placed: at, by: last?.by ?? null, reason: last?.reason ?? null, alarm: 0, seen: [], short: !order.history,
  };
}

const CHANGES = {
  order_updated: (order, data, at) => ({
    status: data.status, since: at, by: data.by ?? null, reason: data.reason ?? null, alarm: 0,
    readyAt: data.status === "preparing" && data.previousStatus === "ready" ? order.readyAt : ms(data.readyAt),
  }),
  order_paid: (_, { amountPaid, amountDue }) => ({ amountPaid, amountDue }),
  order_refunded: (_, { amountPaid, amountDue }) => ({ amountPaid, amountDue }),
  gift_card_redeemed: (order, { amount }) => paid(order, amount),
  gift_card_refunded: (order, { amount }) => paid(order, -amount),
  order_unacknowledged: (_, { attempt }) => ({ alarm: attempt ?? 1 }),
  order_acknowledged: () => ({ alarm: 0 }),
};

function paid(order, amount) {
  const amountPaid = sum(order.amountPaid ?? 0, amount);
  return { amountPaid, amountDue: Math.max(0, sum(order.totalAmount, -amountPaid)) };
}

// The order after an event; the same object where nothing changed.
export function changed(order, { type, offset, data, document }) {
  const change = CHANGES[type];
  if (!change || order.seen.includes(offset)) return order;
  const more = change(order, data, ms(document.timestamp) ?? order.since);
  return { ...order, ...more, seen: [...order.seen.slice(-40), offset] };
}

// Steps.

const ON = { pending: "preparing", preparing: "ready", ready: "completed" };
const BACK = { preparing: "pending", ready: "preparing" };

export const nextOf = (status) => ON[status] ?? null;
export const backOf = (status) => BACK[status] ?? null;

// All that a person has to be warned of stands in free text.
const ALLERGY = /allerg|anaphyla|intoleran|unvertr[aä]g|c(?:o)?eliac|z[oö]liakie|\b(?:no|without|free of|ohne)\s+(?:pea)?nuts?\b|nuss|gluten|lactose|laktose|epi-?pen/i;

export const warns = (text) => typeof text === "string" && ALLERGY.test(text);

// The stations that an order has work for; none where its items name none.
export function stationsOf(order) {
  const named = (order.items ?? []).map((item) => item.station).filter(Boolean);
  return [...new Set(named.length ? named : (order.stations ?? []))];
}

// Names of stations are compared without case.
export const sameName = (one, other) => one.toLowerCase() === other.toLowerCase();

// The price of a line, as the contract reckons it: once rounded, half away from zero.
export function lineTotal(item, decimals = 2) {
  const unit = 10 ** decimals;
  const value = item.quantity * ((item.unitPrice ?? 0) + modifiersPrice(item.modifiers)) * unit;
  return (Math.sign(value) * Math.round(Math.abs(value) + 1e-6)) / unit;
}

const modifiersPrice = (list) =>
  (list ?? []).reduce((sum, one) => sum + (one.quantity ?? 1) * ((one.unitPrice ?? 0) + modifiersPrice(one.modifiers)), 0);
