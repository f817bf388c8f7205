import assert from "node:assert/strict";
import test from "node:test";

import { horizon, lanes, moments, verdictOf } from "./journey.js";

const at = (seconds) => new Date(Date.UTC(2026, 10, 28, 12, 0, 0) + seconds * 1_000).toISOString();
const NOW = Date.parse(at(100));

const JOURNEY = {
  committed: at(0),
  announced: at(0),
  terminals: [
    {
      terminalId: "1",
      name: "counter",
      sentBefore: true,
      ackedAt: at(40),
      connected: [
        { from: at(-60), to: at(10), gateway: "gateway-1", door: "websocket", code: 1012 },
        { from: at(20), to: null, gateway: "gateway-2", door: "websocket", code: null },
      ],
    },
    { terminalId: "2", name: "bar", sentBefore: false, ackedAt: null, connected: [] },
  ],
  status: [
    { status: "pending", at: at(0), by: null },
    { status: "preparing", at: at(50), by: { kind: "term", name: "counter" }, reason: null },
  ],
  alarms: [
    { type: "order_unacknowledged", at: at(30), attempt: 1, waitedSeconds: 30 },
    { type: "order_acknowledged", at: at(41), attempt: null, waitedSeconds: 40 },
  ],
  webhooks: [{ webhookId: "w", url: "https://example.org/", counts: true, sentBefore: false, ackedAt: null }],
  claims: [{ purpose: "print", name: "counter", claimedAt: at(42), doneAt: null }],
};

test("the moments are told in their order, from the placing on", () => {
  assert.deepEqual(
    moments(JOURNEY).map(({ text, sinceMs }) => [text, sinceMs / 1_000]),
    [
      ["momentPlaced", 0],
      ["momentAnnounced", 0],
      ["momentLeftCode", 10],
      ["momentCame", 20],
      ["momentAlarm", 30],
      ["momentAcked", 40],
      ["momentAlarmEnd", 41],
      ["momentClaimed", 42],
      ["momentStep", 50],
    ],
  );
});

test("the picture ends with the last thing that happened, and goes on while the order is pending", () => {
  assert.equal(horizon(JOURNEY, NOW), Date.parse(at(50)));
  const pending = { ...JOURNEY, status: JOURNEY.status.slice(0, 1) };
  assert.equal(horizon(pending, NOW), NOW);
  const quick = { ...pending, terminals: [], alarms: [], claims: [] };
  assert.equal(horizon(quick, Date.parse(at(0))), Date.parse(at(1)));
});

test("a terminal's lane has its connections and its receipt", () => {
  const [counter, bar, webhook] = lanes(JOURNEY, NOW);
  assert.deepEqual(counter.bars, [
    { from: 0, to: 0.2 },
    { from: 0.4, to: 1 },
  ]);
  assert.deepEqual([counter.seen, counter.verdict, counter.afterMs], [0.8, "seen", 40_000]);
  assert.deepEqual([bar.bars, bar.verdict], [[], "away"]);
  assert.deepEqual([webhook.name, webhook.verdict], ["https://example.org/", "waits"]);
});

test("what became of it is one word", () => {
  const there = [{}];
  assert.equal(verdictOf({ connected: there, sentBefore: false, ackedAt: null }), "waits");
  assert.equal(verdictOf({ connected: there, sentBefore: true, ackedAt: null }), "sent");
  assert.equal(verdictOf({ connected: [], sentBefore: false, ackedAt: null }), "away");
});
