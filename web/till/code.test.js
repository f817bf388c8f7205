import assert from "node:assert/strict";
import { test } from "node:test";

import { codeOf, isKey } from "./code.js";

test("a code is read as people type it", () => {
  assert.equal(codeOf("abcd efgh"), "ABCD-EFGH");
  assert.equal(codeOf("o1il-23456789"), "0111-2345");
  assert.equal(codeOf("ab"), "AB");
});

test("a key of a terminal is told from others", () => {
  assert.ok(isKey(`bw_term_${"A".repeat(43)}`));
  assert.ok(!isKey(`bw_store_${"A".repeat(43)}`) && !isKey("ABCD-EFGH"));
});
