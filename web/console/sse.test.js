import assert from "node:assert/strict";
import test from "node:test";

import { Events, read } from "./sse.js";

const TEXT = ': hello\n\nid: 1-4\nevent: new_order\ndata: {"a":\r\ndata: 1}\n\nevent: frame\ndata:x\n\n';
const FOUND = [null, { id: "1-4", event: "new_order", data: '{"a":\n1}' }, { id: "1-4", event: "frame", data: "x" }];

test("events are what they are, wherever the text was cut", () => {
  for (let cut = 0; cut <= TEXT.length; cut += 1) {
    const events = new Events();
    assert.deepEqual([...events.take(TEXT.slice(0, cut)), ...events.take(TEXT.slice(cut))], FOUND, `cut at ${cut}`);
  }
  const events = new Events();
  assert.deepEqual(
    [...TEXT].flatMap((letter) => events.take(letter)),
    FOUND,
  );
});

test("what is not finished is no event, and neither is one without data", () => {
  assert.deepEqual(new Events().take("event: frame\ndata: x\n"), []);
  assert.deepEqual(new Events().take("event: frame\n\n"), []);
});

test("a body is read to its end, letters of many bytes too", async () => {
  const bytes = new TextEncoder().encode("data: Döner\n\n");
  const found = [];
  await read(new Blob([bytes.slice(0, 8), bytes.slice(8)]).stream(), (event) => found.push(event.data));
  assert.deepEqual(found, ["Döner"]);
});
