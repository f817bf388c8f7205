import assert from "node:assert/strict";
import { test } from "node:test";

import { addStations, forgetKey, OUTBOX, readKey, readSound, readStations, writeKey, writeSound } from "./settings.js";

const storage = (kept = new Map()) => ({
  kept, getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name),
});

test("a key is kept until the till is forgotten, and then nothing of the shop is left", () => {
  const one = storage();
  assert.equal(readKey(one), null);
  assert.equal(writeKey({ tenant: "kitchen", key: "bw_term_x" }, one), true);
  assert.equal(readKey(one).tenant, "kitchen");
  one.setItem(OUTBOX, "commands");
  addStations(["bar"], one);
  forgetKey(one);
  assert.equal(one.kept.size, 0);
});

test("what is no key any more is none", () => {
  const one = storage(new Map([["bellwire.till.key", "{broken"]]));
  assert.equal(readKey(one), null);
  one.setItem("bellwire.till.key", '{"key": 5}');
  assert.equal(readKey(one), null);
});

test("a browser that keeps nothing is told of", () => {
  const refusing = { getItem: () => null, setItem() { throw new Error("full"); }, removeItem() {} };
  assert.equal(writeKey({ tenant: "kitchen", key: "k" }, refusing), false);
});

test("stations are known once each, whatever their case", () => {
  const one = storage();
  addStations(["Grill", "bar"], one);
  addStations(["BAR", "Cold"], one);
  assert.deepEqual(readStations(one), ["bar", "Cold", "Grill"]);
});

test("the sound is on until somebody turns it off", () => {
  const one = storage();
  assert.equal(readSound(one), true);
  writeSound(false, one);
  assert.equal(readSound(one), false);
});
