import assert from "node:assert/strict";
import { test } from "node:test";

import { barsOf, reportOf, totalsOf } from "./day.js";

const order = (status, total, more = {}) => ({
  status, totalAmount: total, amountPaid: 0, amountDue: total, createdAt: "2026-11-29T11:30:00Z", items: [], adjustments: [], refunds: [], ...more,
});

test("a cancelled order counts for nothing but itself and what went back", () => {
  const { totals, average } = totalsOf([
    order("completed", 10.1, { amountPaid: 10.1, amountDue: 0, refunds: [{ amount: 2.2 }], adjustments: [{ kind: "tip", amount: 1 }, { kind: "rounding", amount: 0.01 }] }),
    order("preparing", 20.2, { amountPaid: 5 , amountDue: 15.2 }),
    order("cancelled", 99, { refunds: [{ amount: 0.1 }] }),
  ], "UTC");
  assert.deepEqual(totals, {
    orders: 3, completed: 1, cancelled: 1, open: 1, gross: 30.3, paid: 15.1, due: 15.2, refunded: 2.3, discounts: 0, taxes: 0, fees: 0, tips: 1,
  });
  assert.equal(average, 15.15);
});

test("an hour is one of the shop's", () => {
  const { hours } = totalsOf([order("ready", 1)], "Asia/Tokyo");
  assert.equal(hours[20], 1);
  assert.deepEqual(barsOf(hours).map(({ name }) => name), ["16", "17", "18", "19", "20", "21", "22", "23"]);
  assert.equal(barsOf(Array(24).fill(0)).length, 15);
});

test("midnight is an hour of its day", () => {
  const { hours } = totalsOf([order("ready", 1, { createdAt: "2026-11-29T00:10:00Z" })], "UTC");
  assert.equal(hours[0], 1);
});

test("things that were sold most come first", () => {
  const sold = (name, quantity) => order("completed", 1, { items: [{ name, quantity }] });
  assert.deepEqual(totalsOf([sold("Tea", 1), sold("Cake", 3), sold("Tea", 0.5)], "UTC").items, [{ name: "Cake", quantity: 3 }, { name: "Tea", quantity: 1.5 }]);
});

test("a day without an order has a report, too", () => {
  const report = reportOf("2026-11-29", totalsOf([], "UTC"), "EUR");
  assert.deepEqual([report.businessDate, report.orders, report.average, report.currency], ["2026-11-29", 0, 0, "EUR"]);
  assert.ok(!("currency" in reportOf("2026-11-29", totalsOf([], "UTC"), null)));
});
