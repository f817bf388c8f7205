import assert from "node:assert/strict";
import { test } from "node:test";

import { countOf, orderIdOf, stepsOf } from "./waiting.js";

const step = { path: "/api/tenant/kitchen/orders/a%2Fb/status", body: { status: "preparing", readyAt: "1970-01-01T00:00:01.000Z" } };
const card = { path: "/api/tenant/kitchen/gift-cards/123/redeem", body: { amount: 5 } };
const claim = { path: "/api/tenant/kitchen/orders/a/claims/print/done", body: { fence: 1 } };

test("steps are told from all else that waits", () => {
  assert.deepEqual(stepsOf([card, step, claim]), [{ orderId: "a/b", status: "preparing", readyAt: 1000 }]);
  assert.equal(orderIdOf(card), null);
});

test("a claim that is done is nothing that a person gave", () => {
  assert.equal(countOf([card, step, claim]), 2);
});
