import assert from "node:assert/strict";
import test from "node:test";

import { heightOf, latest, pathOf, scaleOf } from "./chart.js";

test("a delay's height is logarithmic, a count's is not, and both stay in the picture", () => {
  assert.equal(heightOf(50, 100, false), 0.5);
  assert.equal(heightOf(500, 100, false), 1);
  assert.equal(heightOf(10, 100, true), 0.5);
  assert.equal(heightOf(0, 100, true), 0);
});

test("a scale holds its values and its limit, and ends with a round figure", () => {
  assert.deepEqual(scaleOf([null, 3], null, false), { top: 5, marks: [0, 5] });
  assert.deepEqual(scaleOf([7, 180], null, false), { top: 200, marks: [0, 100, 200] });
  assert.deepEqual(scaleOf([], null, false), { top: 1, marks: [0, 1] });
  assert.deepEqual(scaleOf([2], 100, true), { top: 1_000, marks: [1, 10, 100, 1_000] });
  assert.equal(scaleOf([2_400], 100, true).top, 10_000);
});

test("a gap in the values is a gap in the line, and what stands alone is a dot", () => {
  assert.equal(pathOf([0, 1, null, 0.5], 300, 100), "M0.0 100.0L100.0 0.0M300.0 50.0h.1");
  assert.equal(pathOf([], 300, 100), "");
});

test("the figure beside a line is its last", () => {
  assert.equal(latest([1, 2, null]), 2);
  assert.equal(latest([null]), null);
});
