import assert from "node:assert/strict";
import test from "node:test";

import { KEPT, Latency, percentile, SECONDS } from "./latency.js";

test("a percentile is a value that was there", () => {
  assert.equal(percentile([], 0.5), null);
  assert.equal(percentile([7], 0.999), 7);
  const thousand = Array.from({ length: 1_000 }, (_, index) => index + 1);
  assert.equal(percentile(thousand, 0.5), 500);
  assert.equal(percentile(thousand, 0.999), 999);
});

test("the summary is of the last hand-overs alone", () => {
  const latency = new Latency();
  assert.deepEqual(latency.summary(), { p50: null, p999: null });
  for (let n = 0; n < KEPT; n += 1) latency.add(1_000, 0);
  for (let n = 0; n < KEPT; n += 1) latency.add(5, 0);
  assert.deepEqual(latency.summary(), { p50: 5, p999: 5 });
});

test("a minute has its seconds in their places, and forgets what is older", () => {
  const latency = new Latency();
  latency.add(9, 1_000);
  latency.add(4, 60_500);
  latency.add(6, 60_900);
  latency.add(-3, 61_000);
  const minute = latency.minute(61_000);
  assert.equal(minute.length, SECONDS);
  assert.deepEqual(minute.at(-2), { p50: 4, most: 6 });
  assert.deepEqual(minute.at(-1), { p50: 0, most: 0 });
  assert.equal(minute.filter(Boolean).length, 2);
});
