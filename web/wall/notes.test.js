import assert from "node:assert/strict";
import test from "node:test";

import { Notes } from "./notes.js";

test("an order is under way until every till was handed it", () => {
  const notes = new Notes(["a", "b"]);
  notes.place("1", "1-1", 1_000);
  notes.place("2", "1-2", 3_000);
  const nothing = { placed: 2, lost: 0, repeated: 0, forged: 0 };
  assert.deepEqual(notes.verdict(9_000), { ...nothing, underWay: 4, oldestMs: 8_000 });
  notes.hand("a", "1", "1-1");
  notes.hand("b", "1", "1-1");
  notes.hand("b", "2", "1-2");
  assert.deepEqual(notes.verdict(9_000), { ...nothing, underWay: 1, oldestMs: 6_000 });
  notes.hand("a", "2", "1-2");
  assert.deepEqual(notes.verdict(9_000), { ...nothing, underWay: 0, oldestMs: 0 });
});

test("a till that is handed an order before its answer is here owes nothing", () => {
  const notes = new Notes(["a"]);
  notes.hand("a", "1", "1-1");
  notes.place("1", "1-1", 0);
  notes.place("1", "1-1", 0);
  assert.deepEqual(notes.verdict(0), { placed: 1, lost: 0, repeated: 0, forged: 0, underWay: 0, oldestMs: 0 });
});

test("an order that a till passed by is lost, whatever kind of event came instead", () => {
  const notes = new Notes(["a"]);
  notes.place("9", "1-9", 0);
  notes.pass("a", "1-10");
  assert.equal(notes.verdict(0).lost, 1);
  notes.hand("a", "9", "1-9");
  assert.equal(notes.verdict(0).lost, 0);
});

test("an order of an answer that comes late is lost, too, where a till passed it by", () => {
  const notes = new Notes(["a"]);
  notes.pass("a", "1-10");
  notes.place("9", "1-9", 0);
  assert.equal(notes.verdict(0).lost, 1);
});

test("an order that comes twice is repeated, and a forged one is counted", () => {
  const notes = new Notes(["a"]);
  notes.hand("a", "1", "1-1");
  notes.hand("a", "1", "1-1");
  notes.hand("a", "x", "1-2", "FORGED");
  assert.equal(notes.verdict(0).repeated, 1);
  assert.equal(notes.verdict(0).forged, 1);
  assert.equal(notes.countOf("a"), 2);
});
