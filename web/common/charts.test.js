import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { bars, lines, path, roundUp } from "./charts.js";
import { FakeDocument } from "./fake-document.test.js";

beforeEach(() => {
  globalThis.document = new FakeDocument();
});

const named = (node, name) => node.children.flatMap((child) => [child, ...(child.children ?? [])]).filter((one) => one.name === name);

test("a scale ends at the next round figure", () => {
  assert.deepEqual([0, 0.7, 1, 3, 24, 25, 26, 61, 1000].map(roundUp), [1, 1, 1, 5, 25, 25, 50, 100, 1000]);
});

test("bars are as high as their values, and say what they show", () => {
  const chart = bars([{ name: "11", value: 5 }, { name: "12", value: 10 }], { label: "5 orders at 11, 10 at 12" });
  const heights = named(chart, "rect").map((bar) => Number(bar.attributes.height));
  assert.equal(heights[1], 2 * heights[0]);
  assert.equal(chart.attributes["aria-label"], "5 orders at 11, 10 at 12");
  assert.equal(named(chart, "text").length, 2);
});

test("no values are no fault", () => {
  assert.equal(named(bars([], { label: "none" }), "rect").length, 0);
  assert.equal(named(lines([[]], { label: "none" }), "path")[0].attributes.d, "");
});

test("a gap in the values is a gap in the line", () => {
  assert.equal(path([1, 2, null, 3], (value) => value), "M0.0 1.0L160.0 2.0M480.0 3.0");
});

test("a line has its limit where the limit is", () => {
  const chart = lines([[10, 90]], { label: "delay", limit: 100, top: 200 });
  const limit = named(chart, "line").find((one) => one.attributes.class === "limit");
  assert.equal(Number(limit.attributes.y1), 120 - 56);
});
