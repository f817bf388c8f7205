import assert from "node:assert/strict";
import { test } from "node:test";

import { actOf, movedTo } from "./keys.js";

test("a key does one thing, and none with Ctrl", () => {
  assert.deepEqual(actOf({ key: "Enter" }), { act: "next" });
  assert.deepEqual(actOf({ key: "B" }), { act: "back" });
  assert.deepEqual(actOf({ key: "3" }), { act: "accept", minutes: 15 });
  assert.equal(actOf({ key: "p", ctrlKey: true }), null);
  assert.equal(actOf({ key: "constructor" }), null);
});

test("arrows follow the direction of reading", () => {
  assert.deepEqual(actOf({ key: "ArrowRight" }).move, [1, 0]);
  assert.deepEqual(actOf({ key: "ArrowRight" }, "rtl").move, [-1, 0]);
});

test("a move passes over empty columns, and ends at the edge", () => {
  assert.deepEqual(movedTo([0, 4], [1, 0], [5, 0, 2]), [2, 1]);
  assert.equal(movedTo([2, 0], [1, 0], [5, 0, 2]), null);
  assert.deepEqual(movedTo([0, 0], [0, Infinity], [5]), [0, 4]);
  assert.equal(movedTo([0, 4], [0, 1], [5]), null);
});
