import assert from "node:assert/strict";
import test from "node:test";

import { Demo, DemoRefused, linesOf } from "./demo.js";

const streamOf = (...parts) => new Blob(parts).stream();

test("lines are objects, however the bytes were cut", async () => {
  const bytes = new TextEncoder().encode('{"a":"é"}\n{"b":2}\n\n{"c":');
  async function* cut() {
    for (const byte of bytes) yield Uint8Array.of(byte);
  }
  const lines = [];
  for await (const line of linesOf(ReadableStream.from(cut()))) lines.push(line);
  assert.deepEqual(lines, [{ a: "é" }, { b: 2 }]);
});

test("the token goes in a header and never in an address", async () => {
  const asked = [];
  const demo = new Demo("secret", async (path, wishes) => {
    asked.push([path, wishes.headers["X-Demo-Token"]]);
    return Response.json(path.includes("sessions") ? { session: "ab12" } : { says: "done" });
  });
  await demo.open("wall");
  assert.equal((await demo.act("kill-gateway", { gateway: "gateway-2" })).says, "done");
  assert.deepEqual(asked, [
    ["/demo/sessions/wall", "secret"],
    ["/demo/acts/kill-gateway?session=ab12&gateway=gateway-2", "secret"],
  ]);
});

test("a refusal is the demo's own sentence, and silence is said", async () => {
  const no = new Demo("x", async () => Response.json({ detail: "Not from here." }, { status: 403 }));
  await assert.rejects(no.open("wall"), new DemoRefused("Not from here."));
  const gone = new Demo("x", async () => { throw new TypeError("failed"); });
  await assert.rejects(gone.open("wall"), /does not answer/);
});

test("a stream that is cut is taken up again, and one whose session is over is not", async () => {
  const answers = [new Response(streamOf('{"n":1}\n')), new Response(streamOf('{"n":2}\n')), new Response("", { status: 404 })];
  const demo = new Demo("x", async () => answers.shift());
  const lines = [];
  const opens = [];
  await assert.rejects(demo.follow((line) => lines.push(line.n), (is) => opens.push(is)), DemoRefused);
  assert.deepEqual(lines, [1, 2]);
  assert.deepEqual(opens, [true, false, true, false]);
});
