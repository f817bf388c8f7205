import assert from "node:assert/strict";
import { test } from "node:test";

import { Bell } from "./bell.js";

class FakeContext {
  state = "suspended";
  currentTime = 0;
  played = 0;

  async resume() {
    this.state = "running";
  }

  createOscillator() {
    return { frequency: {}, connect: (next) => next, start: () => (this.played += 1), stop() {} };
  }

  createGain() {
    const gain = { setValueAtTime() {}, exponentialRampToValueAtTime() {} };
    return { gain, connect: (next) => next };
  }
}

test("it rings from the first order that waits until none does", async () => {
  const context = new FakeContext();
  const bell = new Bell({ newContext: () => context });
  await bell.touched();
  assert.equal(bell.isRinging, false);
  bell.want(1);
  assert.ok(bell.isRinging && !bell.isBlocked && context.played === 2);
  bell.want(2);
  assert.equal(context.played, 4);
  bell.want(1);
  assert.equal(context.played, 4);
  bell.want(0);
  assert.equal(bell.isRinging, false);
});

test("a browser that lets nothing be heard is told of, until it is touched", async () => {
  const context = new FakeContext();
  const bell = new Bell({ newContext: () => context });
  bell.want(1);
  assert.ok(bell.isBlocked && context.played === 0);
  await bell.touched();
  assert.ok(!bell.isBlocked && context.played === 2);
  bell.want(0);
});

test("one that is turned off is silent, and blocks nothing", async () => {
  const context = new FakeContext();
  const bell = new Bell({ newContext: () => context });
  bell.turn(false);
  bell.want(3);
  assert.ok(!bell.isRinging && !bell.isBlocked);
  bell.turn(true);
  assert.ok(bell.isRinging);
  bell.want(0);
});
