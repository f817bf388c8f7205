import assert from "node:assert/strict";
import { test } from "node:test";

import { named, needed } from "../common/modules.test.js";

test("the page asks for all its modules at once, and for nothing else", () => {
  assert.deepEqual(named("till/index.html").toSorted(), ["till/boot.js", ...needed("till/main.js")].sort());
});
