import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock } from "./clock.js";

const HEADER = "Sun, 29 Nov 2026 12:00:00 GMT";
const TRUE = Date.parse(HEADER);

test("a machine that is minutes off has the server's time", () => {
  let wall = TRUE - 300_000;
  const clock = new Clock(() => wall);
  clock.learn(HEADER, wall);
  assert.equal(clock.now(), TRUE + 500);
  wall += 10_000;
  assert.equal(clock.now(), TRUE + 10_500);
});

test("one that is right, as far as an answer can tell, is left alone", () => {
  let wall = TRUE + 2_000;
  const clock = new Clock(() => wall);
  clock.learn(HEADER, wall);
  assert.equal(clock.now(), wall);
  // An answer that took 20 s tells little.
  const asked = wall - 20_000;
  clock.learn(HEADER, asked);
  assert.equal(clock.now(), wall);
});

test("an answer without a date tells nothing", () => {
  const clock = new Clock(() => 5);
  clock.learn(null, 0);
  clock.learn("yesterday", 0);
  assert.equal(clock.now(), 5);
});
