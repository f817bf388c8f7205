import assert from "node:assert/strict";
import test from "node:test";

import { linesFor } from "./lines.js";

test("every line is for this demo's address, and none holds a key", () => {
  const lines = linesFor("http://127.0.0.1:8090");
  assert.ok(lines.length >= 5);
  for (const { line } of lines) {
    assert.ok(line.includes("http://127.0.0.1:8090") || line.includes("demo-pids") || line === "export BELLWIRE_PORT=8090", line);
    assert.doesNotMatch(line, /bw_(op|store|term)_/);
  }
});

test("the demo at its usual port needs no word about it", () => {
  assert.ok(linesFor("http://127.0.0.1:8080").every(({ line }) => !line.includes("BELLWIRE_PORT")));
});

test("where the demo speaks TLS each client is told whom to trust", () => {
  for (const { line } of linesFor("https://127.0.0.1:8080", ".bellwire/ca.pem")) {
    if (line.includes("https:")) assert.match(line, /(--cacert |SSL_CERT_FILE=)\.bellwire\/ca\.pem /);
  }
});
