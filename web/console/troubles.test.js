import assert from "node:assert/strict";
import test from "node:test";

import { inOrder, toneOf, troubles } from "./troubles.js";

const pod = (name, more = {}) => ({
  kind: "gateway",
  pod: name,
  state: "ready",
  missing: [],
  heardSecondsAgo: 0.2,
  lostAt: null,
  ...more,
});
const frame = (more = {}) => ({
  at: "2026-11-28T12:00:00Z",
  unknownSince: null,
  redis: { up: true },
  pods: [pod("gateway-1")],
  unseen: { count: 0, orders: [] },
  webhooks: { off: 0, failing: 0, refusing: 0 },
  delivery: { p99: 4 },
  ...more,
});
const texts = (given) => troubles(given).map(({ text }) => text);

test("where all is well there is nothing to say", () => {
  assert.deepEqual(troubles(frame()), []);
  assert.deepEqual(troubles(frame({ webhooks: null, delivery: { p99: null } })), []);
});

test("what is bad comes before what is to be looked at", () => {
  const found = troubles(
    frame({
      redis: { up: false, downSince: "2026-11-28T11:59:00Z" },
      delivery: { p99: 140.4 },
      pods: [
        pod("gateway-1"),
        pod("gateway-2", { state: "silent", heardSecondsAgo: 3.6 }),
        pod("api-1", { state: "waiting", missing: ["redis"] }),
      ],
    }),
  );
  assert.deepEqual(
    found.map(({ tone, text }) => [tone, text]),
    [
      ["bad", "troubleRedis"],
      ["bad", "troubleSilent"],
      ["warn", "troubleWaiting"],
      ["warn", "troubleSlow"],
    ],
  );
  assert.deepEqual(found[1].values, { pod: "gateway-2", seconds: 4 });
});

test("no gateway is open: that is said by itself", () => {
  assert.deepEqual(texts(frame({ pods: [] })), ["troubleNoGateway"]);
  assert.deepEqual(texts(frame({ pods: [pod("g", { state: "drained" })] })), ["troubleNoGateway", "troubleDrained"]);
  assert.deepEqual(texts(frame({ pods: [pod("g", { state: "unknown" })], unknownSince: "2026-11-28T11:59:00Z" })), [
    "troublePostgres",
  ]);
});

test("a pod that died and is back is news for ten minutes", () => {
  assert.deepEqual(texts(frame({ pods: [pod("g", { lostAt: "2026-11-28T11:51:00Z" })] })), ["troubleLost"]);
  assert.deepEqual(texts(frame({ pods: [pod("g", { lostAt: "2026-11-28T11:49:00Z" })] })), []);
});

test("orders are a trouble once one of them has alarmed", () => {
  const order = (alarms) => ({ waitedSeconds: 45, alarms });
  assert.deepEqual(texts(frame({ unseen: { count: 1, orders: [order(0)] } })), []);
  const counted = (count, ...orders) => troubles(frame({ unseen: { count, orders } }))[0].values;
  assert.deepEqual(counted(31, order(1), order(0)), { count: 1, seconds: 45 });
  assert.deepEqual(counted(31, order(2), order(1)), { count: 31, seconds: 45 });
});

test("a webhook that refuses is not said twice", () => {
  assert.deepEqual(texts(frame({ webhooks: { off: 1, failing: 3, refusing: 3 } })), ["troubleRefusing", "troubleOff"]);
  assert.deepEqual(texts(frame({ webhooks: { off: 0, failing: 3, refusing: 1 } })), [
    "troubleRefusing",
    "troubleFailing",
  ]);
});

test("pods that need a person are listed first, and by their numbers", () => {
  const listed = inOrder([
    pod("api-1", { kind: "api" }),
    pod("gateway-10"),
    pod("gateway-2"),
    pod("gateway-3", { state: "silent" }),
    pod("gateway-4", { state: "draining" }),
  ]);
  assert.deepEqual(
    listed.map(({ pod: name }) => name),
    ["gateway-3", "gateway-4", "gateway-2", "gateway-10", "api-1"],
  );
  assert.deepEqual(["ready", "silent", "draining", "known"].map(toneOf), ["good", "bad", "warn", ""]);
});
