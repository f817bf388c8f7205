// A terminal that tabs share, as far as it needs no browser: what the leader remembers of the stream, and whose commands
// are given again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryLog, Outbox } from "../src/index.js";
import { Ring } from "../src/ring.js";

test("a ring has what follows an offset, and an event that comes again is there once", () => {
  const ring = new Ring();
  assert.equal(ring.after("1-0"), null);
  ring.begin("1-0");
  for (const n of [1, 2, 3]) assert.equal(ring.add(`1-${n}`, `event ${n}`), true);
  assert.equal(ring.add("1-2", "event 2"), false);
  assert.deepEqual(ring.after("1-0"), ["event 1", "event 2", "event 3"]);
  assert.deepEqual(ring.after("1-2"), ["event 3"]);
  assert.equal(ring.position, "1-3");
  assert.ok(ring.place("1-1") < ring.place("1-3"));
});

test("a stream that begins again where the ring has been goes on in it, and any other one begins anew", () => {
  const ring = new Ring();
  ring.begin("1-0");
  ring.add("1-1", "event 1");
  ring.begin("1-0");
  assert.deepEqual(ring.after("1-0"), ["event 1"]);
  ring.begin("2-7");
  assert.equal(ring.after("1-0"), null);
  assert.deepEqual(ring.after("2-7"), []);
});

test("a mark is a place without an event", () => {
  const ring = new Ring();
  ring.begin("1-0");
  ring.add("1-4");
  ring.add("1-5", "event 5");
  assert.deepEqual(ring.after("1-4"), ["event 5"]);
});

test("a ring that is full forgets its oldest texts and says so, and still knows their places", () => {
  const ring = new Ring();
  ring.begin("1-0");
  const long = "x".repeat(100_000);
  for (let n = 1; n <= 30; n += 1) ring.add(`1-${n}`, long);
  assert.equal(ring.after("1-0"), null);
  assert.equal(ring.after("1-30").length, 0);
  assert.ok(ring.after("1-15").length === 15);
  assert.ok(ring.place("1-1") < ring.place("1-2"));
});

// The other tabs, as an outbox sees them: it asks, and a leader answers with the commands that it has.
class Tabs {
  asked = [];
  commands = [];

  async ask(kind, body) {
    this.asked.push([kind, body]);
    return kind === "commands" ? this.commands : null;
  }

  cast() {}
}

test("a command without an answer is given to each new leader that does not know it, under the same id", async () => {
  const [outbox, tabs] = [new Outbox(), new Tabs()];
  outbox.connect(null, new MemoryLog());
  outbox.share(tabs);
  const { id, answer } = await outbox.submit("POST", "/a", { n: 1 });
  tabs.commands = [tabs.asked[0][1]];
  await outbox.mirror();
  assert.deepEqual(outbox.commands.map((command) => command.id), [id]);
  assert.equal(tabs.asked.filter(([kind]) => kind === "submit").length, 1);
  // This one has done it and died before it said so, or never had it.
  tabs.commands = [];
  await outbox.mirror();
  const given = tabs.asked.filter(([kind]) => kind === "submit").map(([, command]) => command);
  assert.deepEqual(given.map((command) => command.id), [id, id]);
  outbox.hear("over", { type: "done", id, command: given[0], status: 200, body: { ok: true } });
  assert.deepEqual(await answer, { ok: true });
  await outbox.mirror();
  assert.equal(tabs.asked.filter(([kind]) => kind === "submit").length, 2);
});

test("a command that comes twice is written once", async () => {
  const log = new MemoryLog();
  const outbox = new Outbox();
  const client = { ask: () => new Promise(() => {}) };
  outbox.connect(client, log);
  await outbox.lead();
  const command = { id: "a", method: "POST", path: "/a", body: null };
  await Promise.all([outbox.answer("submit", command), outbox.answer("submit", command)]);
  await outbox.answer("submit", command);
  assert.equal(log.load().filter((entry) => entry.add).length, 1);
});
