import assert from "node:assert/strict";
import { test } from "node:test";

import { ageOf, minutesToPromise, promisedAt, readyAtOf, toneOf } from "./times.js";

const shop = { ackDeadlineSeconds: 60, preparationMinutes: 20 };
const MINUTE = 60_000;

test("a new order is late by the shop's deadline", () => {
  const order = { status: "pending", due: 0 };
  assert.deepEqual([0, 59_999, 60_000, 120_000].map((now) => toneOf(order, now, shop)), ["good", "good", "warn", "bad"]);
});

test("one that is being made is late when its promise has passed", () => {
  const order = { status: "preparing", due: 0, since: 0, readyAt: null };
  assert.equal(promisedAt(order, shop), 20 * MINUTE);
  assert.deepEqual([14, 15, 20].map((minutes) => toneOf(order, minutes * MINUTE, shop)), ["good", "warn", "bad"]);
  const promised = { ...order, readyAt: 40 * MINUTE };
  assert.deepEqual([20, 31, 40].map((minutes) => toneOf(promised, minutes * MINUTE, shop)), ["good", "warn", "bad"]);
});

test("one that nobody collects is warned of", () => {
  const order = { status: "ready", due: 0, since: 0 };
  assert.deepEqual([9, 10, 20].map((minutes) => toneOf(order, minutes * MINUTE, shop)), ["good", "warn", "bad"]);
});

test("a shop that has set nothing has times of its own", () => {
  assert.equal(toneOf({ status: "pending", due: 0 }, 31_000, null), "warn");
  assert.deepEqual(minutesToPromise(null), [15, 10, 25, 35]);
  assert.deepEqual(minutesToPromise({ preparationMinutes: 5 }), [5, 15, 25]);
});

test("a clock that goes back makes no age below nothing, and an order for later is ready at its time", () => {
  assert.equal(ageOf({ due: 10 }, 5), 0);
  assert.equal(readyAtOf({ scheduledFor: new Date(90 * MINUTE).toISOString() }, 0, 15), 90 * MINUTE);
  assert.equal(readyAtOf({}, 0, 15), 15 * MINUTE);
});
