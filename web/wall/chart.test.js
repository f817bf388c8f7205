import assert from "node:assert/strict";
import test from "node:test";

import { heightOf, labelOf } from "./chart.js";

test("a latency's height is logarithmic and stays in the picture", () => {
  assert.equal(heightOf(0), 0);
  assert.equal(heightOf(1), 0);
  assert.equal(heightOf(100), 0.5);
  assert.equal(heightOf(99_999), 1);
});

test("the picture's words say how slow it was", () => {
  assert.equal(labelOf([null, null]), "No order in the last minute.");
  assert.match(labelOf([null, { p50: 5, most: 130 }, { p50: 4, most: 9 }]), /slowest 130 ms, 1 seconds above/);
});
