import assert from "node:assert/strict";
import test from "node:test";

import { follow, Link } from "./link.js";

test("a stream is live with its first word, silent without one, and given up when it stays so", () => {
  const link = new Link(0);
  link.open(0);
  assert.equal(link.state, "connecting");
  link.hear(100);
  assert.equal(link.state, "live");
  assert.equal(link.look(4_000), false);
  assert.equal(link.state, "live");
  assert.equal(link.look(4_100), false);
  assert.deepEqual([link.state, link.since], ["silent", 100]);
  assert.equal(link.look(12_100), true);
  link.hear(12_200);
  assert.equal(link.state, "live");
});

test("an answer that never comes is given up as well", () => {
  const link = new Link(0);
  link.open(0);
  assert.equal(link.look(11_999), false);
  assert.equal(link.look(12_000), true);
  assert.equal(link.state, "connecting");
});

test("each try waits longer than the one before, to a bound, and a word makes it quick again", () => {
  const link = new Link(0);
  const waits = Array.from({ length: 8 }, () => link.end({}, 0, 1));
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  assert.deepEqual([link.state, link.retryAt], ["waiting", 15_000]);
  link.open(15_000);
  assert.equal(link.state, "waiting");
  link.hear(15_100);
  assert.equal(link.end({}, 20_000, 0), 250);
});

test("a refusal's Retry-After is waited for, and a stream whose time is over is opened at once", () => {
  const link = new Link(0);
  assert.equal(link.end({ status: 429, why: "At most 50 at the same time", retryAfter: 7 }, 0, 0), 7_000);
  assert.equal(link.why, "At most 50 at the same time");
  assert.equal(link.end({ reason: "over" }, 0, 0), 0);
  assert.equal(link.end({ reason: "drains" }, 0, 1), 500);
});

test("a key that ended is not tried again, nor one that may not", () => {
  for (const [end, state] of [
    [{ status: 401 }, "ended"],
    [{ reason: "ended" }, "ended"],
    [{ status: 403 }, "refused"],
  ]) {
    const link = new Link(0);
    assert.equal(link.end(end, 5, 0), null);
    assert.deepEqual([link.state, link.isOver, link.look(99_999)], [state, true, false]);
  }
});

const answer = (text) => ({ body: new Blob([text]).stream() });

test("events are handed over across the ends of streams, until the key's", async () => {
  const answers = [
    () => answer('event: frame\ndata: 1\n\nevent: close\ndata: {"reason":"over"}\n\n'),
    () => {
      throw Object.assign(new Error("no"), { status: 503 });
    },
    () => answer(": still here\n\nevent: frame\ndata: 2\n\n"),
    () => answer('event: close\ndata: {"reason":"ended"}\n\n'),
  ];
  const handed = [];
  const states = [];
  const link = new Link(0);
  const nothing = new AbortController();
  await follow(
    link,
    async () => answers.shift()(),
    ({ data }) => handed.push(data),
    ({ state }) => {
      if (states.at(-1) !== state) states.push(state);
    },
    nothing.signal,
    { chance: () => 0 },
  );
  assert.deepEqual(handed, ["1", "2"]);
  assert.deepEqual(states, ["connecting", "live", "waiting", "live", "waiting", "ended"]);
});

test("nobody looks any more: it ends, and does not come back", async () => {
  const gone = new AbortController();
  let opened = 0;
  await follow(
    new Link(0),
    async (signal) => {
      opened += 1;
      queueMicrotask(() => gone.abort());
      return {
        body: new ReadableStream({ start: (to) => signal.addEventListener("abort", () => to.error(signal.reason)) }),
      };
    },
    () => assert.fail(),
    () => {},
    gone.signal,
  );
  assert.equal(opened, 1);
});
