import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { el, KeyedList, replace, setText } from "./dom.js";
import { FakeDocument, textOf } from "./fake-document.test.js";

beforeEach(() => {
  globalThis.document = new FakeDocument();
});

test("a text is a text, whatever it looks like", () => {
  const node = el("p", { title: '"><script>' }, "<img src=x onerror=alert(1)>", null, false, ["and ", el("b", {}, "more")]);
  assert.equal(textOf(node), "<img src=x onerror=alert(1)>and more");
  assert.equal(node.children[2].name, "b");
  assert.equal(node.attributes.title, '"><script>');
});

test("what is unchanged is not written", () => {
  const node = el("p", {}, "a");
  let writes = 0;
  Object.defineProperty(node, "textContent", { get: () => "a", set: () => (writes += 1) });
  setText(node, "a");
  setText(node, "b");
  assert.equal(writes, 1);
});

test("a list keeps the node of each key, in the order of its values, and touches what changed", () => {
  const parent = el("ul");
  const touched = [];
  const list = new KeyedList(parent, {
    keyOf: (value) => value.id,
    make: (value) => el("li", {}, value.id),
    update: (node, value) => touched.push(value.id),
  });
  const [a, b, c] = ["a", "b", "c"].map((id) => ({ id }));
  list.show([a, b]);
  const before = list.nodeOf("b");
  touched.length = 0;
  list.show([c, b, { id: "a" }]);
  assert.deepEqual(parent.children.map(textOf), ["c", "b", "a"]);
  assert.equal(list.nodeOf("b"), before);
  assert.deepEqual(touched, ["c", "a"]);
  list.show([b]);
  assert.deepEqual(parent.children.map(textOf), ["b"]);
  assert.equal(list.size, 1);
});

test("what was there gives way", () => {
  const node = el("p", {}, "old");
  replace(node, "new", null, [el("i", {}, "er")]);
  assert.equal(textOf(node), "newer");
});
