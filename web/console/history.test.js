import assert from "node:assert/strict";
import test from "node:test";

import { connectionsOf, connectionsOfAll, History, SECONDS } from "./history.js";

const frame = (at, more = {}) => ({
  at,
  eventsPerSecond: 1,
  deliveriesPerSecond: 2,
  delivery: { count: 0, p50: null, p99: null },
  pods: [],
  ...more,
});
const gateway = (pod, websocket, sse, state = "ready") => ({
  kind: "gateway",
  pod,
  state,
  connections: { websocket, sse },
});

test("each second has its place, and one without a frame is a gap", () => {
  const history = new History();
  history.add(frame("2026-11-28T12:00:00.900Z", { eventsPerSecond: 5 }));
  history.add(frame("2026-11-28T12:00:02.100Z", { eventsPerSecond: 6 }));
  history.add(frame("2026-11-28T12:00:02.900Z", { eventsPerSecond: 7 }));
  const events = history.series("events");
  assert.equal(events.length, 60);
  assert.deepEqual(events.slice(-4), [null, 5, null, 7]);
});

test("what is older is forgotten", () => {
  const history = new History();
  history.add(frame("2026-11-28T12:00:00Z", { pods: [gateway("old", 1, 0)] }));
  history.add(frame("2026-11-28T12:05:00Z"));
  assert.equal(history.series("events").filter((value) => value !== null).length, 1);
  history.add(frame("2026-11-28T12:09:59Z"));
  assert.equal(history.series("events").length, SECONDS);
  assert.deepEqual(history.gateways, []);
});

test("a gateway's connections are of all doors, and none where it is silent", () => {
  assert.equal(connectionsOf(gateway("a", 3, 2)), 5);
  assert.equal(connectionsOf(gateway("a", 3, 2, "silent")), 0);
  assert.equal(connectionsOf({ state: "known", connections: null }), null);
  assert.equal(
    connectionsOfAll(
      frame("2026-11-28T12:00:00Z", { pods: [gateway("a", 3, 2), gateway("b", 1, 0), { kind: "api" }] }),
    ),
    6,
  );
});

test("a gateway that came later has no connections before", () => {
  const history = new History();
  history.add(frame("2026-11-28T12:00:00Z", { pods: [gateway("b", 1, 0)] }));
  history.add(frame("2026-11-28T12:00:01Z", { pods: [gateway("b", 2, 0), gateway("a", 4, 0)] }));
  assert.deepEqual(history.gateways, ["a", "b"]);
  assert.deepEqual(history.connections("a").slice(-2), [null, 4]);
});
