import assert from "node:assert/strict";
import test from "node:test";

import { linesFor } from "./lines.js";

test("every line is for this demo's address, and none holds a key", () => {
  const lines = linesFor("http://127.0.0.1:8090");
  assert.ok(lines.length >= 4);
  for (const { line } of lines) {
    assert.ok(line.includes("http://127.0.0.1:8090") || line.includes("demo-pids"), line);
    assert.doesNotMatch(line, /bw_(op|store|term)_/);
  }
});
