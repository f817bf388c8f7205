import assert from "node:assert/strict";
import { test } from "node:test";

import { gistOf } from "./trace.js";

test("an event's gist is what tells it from the next", () => {
  assert.equal(gistOf({ orderNumber: "ORD-1", status: "pending", totalAmount: 0 }), "ORD-1 · pending · 0");
  assert.equal(gistOf({ cardNumber: "•••• 1234", amount: 5 }), "•••• 1234 · 5");
  assert.equal(gistOf({}), "");
});
