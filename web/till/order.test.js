import assert from "node:assert/strict";
import { test } from "node:test";

import { backOf, changed, lineTotal, listed, nextOf, placed, stationsOf, warns } from "./order.js";

const AT = "2026-11-29T12:00:00.000Z";
const order = () =>
  placed({
    offset: "1-1", document: { timestamp: AT },
    data: { orderId: "a", status: "pending", totalAmount: 10.1, amountPaid: 0, amountDue: 10.1, dueAt: AT, items: [] },
  });
const event = (type, offset, data, timestamp = AT) => ({ type, offset, data, document: { timestamp } });

test("a step says since when, by whom and until when", () => {
  const by = { kind: "term", name: "bar" };
  const after = changed(order(), event("order_updated", "1-2", {
    status: "preparing", previousStatus: "pending", by, readyAt: "2026-11-29T12:20:00.000Z",
  }, "2026-11-29T12:01:00.000Z"));
  assert.equal(after.status, "preparing");
  assert.equal(after.since, Date.parse("2026-11-29T12:01:00.000Z"));
  assert.equal(after.readyAt - after.since, 19 * 60_000);
  assert.equal(after.by.name, "bar");
});

test("what comes again changes nothing", () => {
  const paid = event("gift_card_redeemed", "1-2", { amount: 4.1 });
  const once = changed(order(), paid);
  assert.deepEqual([once.amountPaid, once.amountDue], [4.1, 6]);
  assert.equal(changed(once, paid), once);
});

test("money that comes and goes back is reckoned without dust", () => {
  const both = [["gift_card_redeemed", 3.3], ["gift_card_redeemed", 6.8], ["gift_card_refunded", 0.1]];
  const after = both.reduce((one, [type, amount], n) => changed(one, event(type, `1-${n + 2}`, { amount })), order());
  assert.deepEqual([after.amountPaid, after.amountDue], [10, 0.1]);
});

test("an alarm ends with a receipt, or with a step", () => {
  const alarmed = changed(order(), event("order_unacknowledged", "1-2", { attempt: 2 }));
  assert.equal(alarmed.alarm, 2);
  assert.equal(changed(alarmed, event("order_acknowledged", "1-3", {})).alarm, 0);
  assert.equal(changed(alarmed, event("order_updated", "1-3", { status: "ready" })).alarm, 0);
});

test("an event of a type that is not known leaves the order as it is", () => {
  const one = order();
  assert.equal(changed(one, event("something_new", "1-2", {})), one);
});

test("an order of a list has its promise from its history", () => {
  const one = listed({
    orderId: "a", status: "preparing", createdAt: AT, updatedAt: "2026-11-29T12:05:00.000Z", dueAt: AT, items: [],
    history: [{ status: "pending", at: AT }, { status: "preparing", at: "2026-11-29T12:05:00.000Z", readyAt: "2026-11-29T12:30:00.000Z", by: null }],
  });
  assert.equal(one.readyAt, Date.parse("2026-11-29T12:30:00.000Z"));
  assert.equal(one.since, Date.parse("2026-11-29T12:05:00.000Z"));
  assert.equal(one.short, false);
  assert.equal(listed({ orderId: "a", status: "ready", createdAt: AT, items: [] }).short, true);
});

test("steps go on to the end, and back to the beginning", () => {
  assert.deepEqual(["pending", "preparing", "ready", "completed"].map(nextOf), ["preparing", "ready", "completed", null]);
  assert.deepEqual(["pending", "preparing", "ready"].map(backOf), [null, "pending", "preparing"]);
});

test("a note that a life may hang on is told from one about onions", () => {
  for (const text of ["ALLERGIC to nuts", "Nussallergie!", "Laktoseintoleranz", "no nuts please", "gluten free"]) assert.ok(warns(text), text);
  for (const text of ["no onions", "extra doughnut", "", null, undefined]) assert.ok(!warns(text), String(text));
});

test("the stations of an order are those of its items", () => {
  assert.deepEqual(stationsOf({ items: [{ station: "Bar" }, { station: "Grill" }, { station: "Bar" }, {}] }), ["Bar", "Grill"]);
  assert.deepEqual(stationsOf({ itemsOmitted: true, stations: ["Bar"] }), ["Bar"]);
});

test("a line is reckoned with all its modifiers, and rounded once", () => {
  const nested = { quantity: 3, unitPrice: 9.5, modifiers: [{ quantity: 2, unitPrice: 0.25, modifiers: [{ unitPrice: -0.1 }] }] };
  assert.equal(lineTotal(nested), 29.4);
  assert.equal(lineTotal({ quantity: 0.35, unitPrice: 22.1 }), 7.74);
  assert.equal(lineTotal({ quantity: 0.5, unitPrice: 2.01 }), 1.01);
  assert.equal(lineTotal({ quantity: 0.5, unitPrice: 1 }, 0), 1);
});
