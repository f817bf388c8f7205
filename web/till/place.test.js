import assert from "node:assert/strict";
import { test } from "node:test";

import { Place } from "./place.js";

// As much of the Web Locks and of a channel as two windows need.
function browser() {
  let queue = Promise.resolve();
  const channels = [];
  const locks = {
    request(_, { steal, signal }, held) {
      const before = steal ? Promise.resolve() : queue;
      const mine = before.then(() => (signal?.aborted ? Promise.reject(new Error("AbortError")) : held()));
      queue = mine.catch(() => {});
      return mine;
    },
  };
  const newChannel = () => {
    const channel = { onmessage: null, postMessage: () => channels.filter((one) => one !== channel).forEach((one) => one.onmessage()) };
    channels.push(channel);
    return channel;
  };
  return { locks, newChannel };
}

test("the window that asks last has the place, when the other has left", async () => {
  const { locks, newChannel } = browser();
  const told = [];
  const [one, other] = [new Place(locks, newChannel), new Place(locks, newChannel)];
  await one.take(async () => {
    await null;
    told.push("one left");
  });
  await other.take(() => told.push("other left"));
  assert.deepEqual(told, ["one left"]);
  // It has the place already.
  await other.take(() => told.push("other left"));
  await one.take(() => {});
  assert.deepEqual(told, ["one left", "other left"]);
});

test("a browser without locks has every window a till", async () => {
  await new Place(null).take(() => {});
});
