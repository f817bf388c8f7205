import assert from "node:assert/strict";
import { test } from "node:test";

import { age, clock, dayOf, decimalsOf, delay, minutesOf, money, quantity, when } from "./format.js";

test("amounts have the decimals of their currency", () => {
  assert.equal(money(10.5, "EUR", "en"), "€10.50");
  assert.equal(money(1050, "JPY", "en"), "¥1,050");
  assert.equal(money(1.25, "KWD", "en").replace(/\s/g, " "), "KWD 1.250");
  assert.equal(money(7, null, "en"), "7.00");
  assert.equal(money(null, "EUR", "en"), "");
  assert.deepEqual([null, "EUR", "JPY", "KWD"].map(decimalsOf), [2, 2, 0, 3]);
});

test("an age counts up, and a clock that went back is zero", () => {
  assert.deepEqual([0, 42_999, 725_000, 3_800_000, -5].map(age), ["0:00", "0:42", "12:05", "1:03:20", "0:00"]);
  assert.equal(minutesOf(119_000), 1);
});

test("a moment of another day says which", () => {
  const now = "2026-11-28T20:00:00Z";
  assert.equal(clock(now, "de", "UTC"), "20:00");
  assert.equal(when("2026-11-28T21:30:00Z", now, "de", "UTC"), "21:30");
  assert.match(when("2026-11-29T21:30:00Z", now, "de", "UTC"), /29\. Nov.*21:30/);
  assert.equal(dayOf("2026-11-28T23:30:00Z", "Europe/Berlin"), "2026-11-29");
});

test("quantities and delays have their units", () => {
  assert.equal(quantity(2, null, "en"), "2×");
  assert.equal(quantity(0.35, "kg", "de"), "0,35 kg");
  assert.deepEqual([3.21, 140.4, 1234].map((ms) => delay(ms, "en")), ["3.2 ms", "140 ms", "1.2 s"]);
});
