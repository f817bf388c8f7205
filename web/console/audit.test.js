import assert from "node:assert/strict";
import { test } from "node:test";

import { factsOf } from "./audit.js";

test("the facts of a row are one line", () => {
  assert.equal(
    factsOf({ gateway: "gateway-1", settings: { paused: true }, note: null }),
    'gateway gateway-1 · settings {"paused":true} · note null',
  );
  assert.equal(factsOf(null), "");
});
