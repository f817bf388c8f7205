import assert from "node:assert/strict";
import test from "node:test";

import { readRoute, toAudit, toOrder, toOverview, toShop, toShops } from "./route.js";

test("an address is read as it was written", () => {
  assert.deepEqual(readRoute(toOverview()), { view: "overview" });
  assert.deepEqual(readRoute(toShops()), { view: "shops" });
  assert.deepEqual(readRoute(toAudit()), { view: "audit" });
  assert.deepEqual(readRoute(toShop("a/b c")), { view: "shop", tenant: "a/b c" });
  assert.deepEqual(readRoute(toOrder("a", "1-2")), { view: "order", tenant: "a", order: "1-2" });
});

test("what is no address leads to the overview", () => {
  for (const hash of ["", "#", "#/", "#/what", "#/shop", "#/%E0%A4%A", "#/shop/"]) {
    assert.deepEqual(readRoute(hash), { view: "overview" }, hash);
  }
});
