import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "./session.js";

const FRAME = {
  type: "frame",
  at: "2026-11-28T12:00:00Z",
  pods: [],
  eventsPerSecond: 3,
  deliveriesPerSecond: 3,
  delivery: null,
};
const stream = (...frames) =>
  new Response(frames.map((frame) => `event: frame\ndata: ${JSON.stringify(frame)}\n\n`).join(""));

test("frames come in and are kept for the charts, and when the key is forgotten nothing is left of them", async () => {
  const frames = [];
  const session = new Session("bw_op_x", {
    fetch: async () => stream(FRAME, { ...FRAME, at: "2026-11-28T12:00:01Z" }),
  });
  await session.start(
    (frame) => {
      frames.push(frame);
      if (frames.length === 2) session.forget();
    },
    () => {},
  );
  assert.equal(frames.length, 2);
  assert.equal(session.frame, null);
  assert.equal(session.operator.isThere, false);
  assert.deepEqual(session.history.gateways, []);
});

test("a wrong key ends it, and is said once", async () => {
  const states = [];
  let ended = 0;
  const session = new Session("bw_op_x", {
    fetch: async () => new Response("{}", { status: 401 }),
    onEnded: () => (ended += 1),
  });
  await session.start(
    () => assert.fail(),
    ({ state }) => states.push(state),
  );
  assert.equal(states.at(-1), "ended");
  assert.equal(ended, 1);
});
