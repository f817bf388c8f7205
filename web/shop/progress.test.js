import assert from "node:assert/strict";
import test from "node:test";

import { isOver, wordsOf } from "./progress.js";

test("a customer reads on how many tills the order is", () => {
  assert.equal(wordsOf({ status: "pending", receipts: [] }), "On its way to the tills");
  assert.match(wordsOf({ status: "pending", receipts: [{ terminalId: "a" }, { terminalId: "a" }] }), /^On 1 till,/);
});

test("a customer reads when it will be ready, and why it will not be", () => {
  const readyAt = "2026-11-28T12:30:00Z";
  assert.match(wordsOf({ status: "preparing", history: [{ status: "preparing", readyAt }] }, "en-GB"), /ready at \d\d:\d\d/);
  const history = [{ status: "pending" }, { status: "cancelled", reason: "no more basil" }];
  assert.equal(wordsOf({ status: "cancelled", history }), "Cancelled: no more basil");
});

test("an order that is collected or cancelled is over", () => {
  assert.ok(isOver({ status: "completed" }) && isOver({ status: "cancelled" }) && !isOver({ status: "ready" }));
});
