import assert from "node:assert/strict";
import { test } from "node:test";

import { readSearch } from "./orders.js";

test("a search knows an order's id, its number, and an id of somebody else's", () => {
  const id = "0d3c7a52-6c0e-4d8e-9a1f-aaaaaaaaaaaa";
  assert.deepEqual(readSearch(` ${id.toUpperCase()} `), { order: id });
  assert.equal(readSearch("15").wishes.orderNumber, "ORD-15");
  assert.equal(readSearch("ord-7").wishes.orderNumber, "ORD-7");
  assert.equal(readSearch("uber:99").wishes.externalId, "uber:99");
  assert.deepEqual(Object.keys(readSearch("").wishes), ["limit"]);
});
