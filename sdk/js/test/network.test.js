// The system's word that there is a network again hastens those who wait for want of one; a close leaves nobody waiting.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Claim } from "../src/claims.js";
import { Client } from "../src/http.js";
import { ClaimLost, MemoryLog, Outbox, StorageFailed, TerminalError, Unfinished } from "../src/index.js";
import { Network } from "../src/network.js";

const LONG_MS = 1e9;

// A server that grants each claim anew, and takes whatever else comes; while it `isDown` it cuts who comes.
let isDown = false;
let fence = 0;
const asked = [];
const server = createServer((request, response) => {
  if (isDown) {
    request.socket.destroy();
    return;
  }
  asked.push(request.url);
  fence += request.url.endsWith("/claims") && !fence;
  const expiresAt = new Date(Date.now() + asked.length).toISOString();
  response.setHeader("Content-Type", "application/json").end(JSON.stringify({ claimed: true, fence, expiresAt }));
});
let client;
before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = new Client(`http://127.0.0.1:${server.address().port}`, "key");
});
after(() => server.close());

const opened = async (wishes) => {
  const outbox = new Outbox(wishes);
  await outbox.start(client);
  return outbox;
};
const until = async (isSo) => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};

test("a pause is over soon after the network is back, also where it came back during the try", async () => {
  const network = new Network();
  let isOver = false;
  const pause = network.pause(LONG_MS, network.times).then(() => (isOver = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(isOver, false);
  network.back();
  await pause;
  await network.pause(LONG_MS, network.times - 1);
  await network.pause(1, network.times);
});

test("a pause ends with its signal", async () => {
  const network = new Network();
  const ending = new AbortController();
  const pause = network.pause(LONG_MS, network.times, ending.signal);
  ending.abort();
  await pause;
  await network.pause(LONG_MS, network.times, ending.signal);
});

test("a claim is renewed when the network is back, and left without a timer", async () => {
  const network = new Network();
  const claim = await new Claim(client, await opened(), network, "kitchen", "a", "print", 3 * 1e6).open();
  assert.equal(claim.isMine, true);
  const before = claim.expiresAt;
  network.back();
  await until(() => claim.expiresAt !== before);
  claim.leave();
});

test("who awaits a command is told when the outbox closes, and whether the next one carries it out", async () => {
  isDown = true;
  class Kept {
    inner = new MemoryLog();
    load = () => this.inner.load();
    append = (value) => this.inner.append(value);
    rewrite = (values) => this.inner.rewrite(values);
  }
  for (const log of [new Kept(), new MemoryLog()]) {
    const kept = log instanceof Kept;
    const outbox = await opened({ log });
    const { answer } = await outbox.submit("POST", "/a");
    const settled = assert.rejects(outbox.settled(), Unfinished);
    await outbox.close();
    await assert.rejects(answer, (error) => error instanceof Unfinished && error.kept === kept);
    await settled;
    await assert.rejects(outbox.submit("POST", "/b"), TerminalError);
    if (!kept) continue;
    isDown = false;
    const done = [];
    const next = await opened({ log, onDone: (command) => done.push(command.path) });
    await next.settled();
    assert.deepEqual(done, ["/a"]);
    await next.close();
    isDown = true;
  }
  isDown = false;
});

test("a claim whose end could not be said before the outbox closed is an error where nothing keeps it", async () => {
  const outbox = await opened();
  const claim = await new Claim(client, outbox, new Network(), "kitchen", "b", "print", 30).open();
  isDown = true;
  const ending = assert.rejects(claim.finish(), (error) => error instanceof Unfinished && !(error instanceof ClaimLost));
  await until(() => outbox.commands.length);
  await outbox.close();
  await ending;
  isDown = false;
});

test("a disk that takes no more ends every wait", async () => {
  isDown = true;
  const log = new MemoryLog();
  const outbox = await opened({ log });
  const { answer } = await outbox.submit("POST", "/a");
  log.append = () => {
    throw new Error("no space left");
  };
  await assert.rejects(outbox.submit("POST", "/b"), StorageFailed);
  await assert.rejects(answer, StorageFailed);
  await assert.rejects(outbox.settled(), StorageFailed);
  await outbox.close();
  isDown = false;
});

test("a log that is compacted while commands come has each that was given, and none that was not", async () => {
  for (const doesRewrite of [true, false]) {
    const log = new MemoryLog();
    const { rewrite } = MemoryLog.prototype;
    let rewrites = 0;
    log.rewrite = async (values) => {
      rewrites += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (!doesRewrite) throw new Error("no space left");
      rewrite.call(log, values);
    };
    const done = [];
    const outbox = await opened({ log, onDone: (command) => done.push(command.path) });
    const given = Array.from({ length: 800 }, (_, number) => `/${number}`);
    for (let start = 0; start < given.length; start += 50) {
      await Promise.all(given.slice(start, start + 50).map((path) => outbox.submit("POST", path)));
    }
    await outbox.settled();
    isDown = true;
    await outbox.submit("POST", "/left");
    await outbox.close();
    isDown = false;
    assert.ok(rewrites > 0);
    assert.deepEqual(done.sort(), given.sort());
    const left = new Set();
    for (const { add, end } of log.values) add ? left.add(add.id) : left.delete(end);
    assert.equal(left.size, 1);
  }
});

test("what was claimed and done is done, though the server has not heard of it", async () => {
  const outbox = await opened();
  const claimOf = (purpose) => new Claim(client, outbox, new Network(), "kitchen", "a", purpose, 0.05);
  const claim = await claimOf("serve").open();
  isDown = true;
  try {
    await claim.finish();
    const again = await claimOf("serve").open();
    assert.deepEqual([again.isMine, again.done], [false, true]);
  } finally {
    isDown = false;
  }
  await outbox.close();
});
