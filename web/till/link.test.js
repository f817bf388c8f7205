import assert from "node:assert/strict";
import { test } from "node:test";

import { isAway, lightOf } from "./link.js";
import { TEXTS } from "./texts.js";

const STATES = [
  { state: "new" }, { state: "connecting" }, { state: "live" }, { state: "catching_up", done: 12, of: 50 },
  { state: "catching_up", done: 0, of: null }, { state: "offline", since: new Date(0) }, { state: "resetting", reason: "x" },
  { state: "replaced" }, { state: "elsewhere" }, { state: "revoked" }, { state: "stopped", reason: "storage" },
];

test("each state has a tone, and words in every language", () => {
  for (const state of STATES) {
    const { tone, key } = lightOf(state);
    assert.ok(["good", "warn", "bad"].includes(tone));
    for (const [language, texts] of Object.entries(TEXTS)) assert.ok(texts[key], `${language} ${key}`);
  }
});

test("only a live stream is green, and one that waits for a person says what to do", () => {
  assert.deepEqual(STATES.filter((state) => lightOf(state).tone === "good").map(({ state }) => state), ["live"]);
  assert.deepEqual(STATES.filter((state) => lightOf(state).action).map(({ state }) => state), ["replaced", "elsewhere", "revoked", "stopped"]);
  assert.ok(isAway({ state: "offline" }) && !isAway({ state: "catching_up" }));
});
