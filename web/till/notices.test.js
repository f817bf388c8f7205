import assert from "node:assert/strict";
import { test } from "node:test";

import { Texts } from "../common/texts.js";
import { noticesOf } from "./notices.js";
import { TEXTS } from "./texts.js";

const texts = new Texts(TEXTS, "en");
const calm = { state: { state: "live" }, isBlocked: false, isHeld: false, shop: { paused: false } };

test("a till that is well says nothing", () => {
  assert.deepEqual(noticesOf(calm, texts), []);
});

test("each trouble says what to do, the gravest first", () => {
  const found = noticesOf({ state: { state: "replaced" }, isBlocked: true, isHeld: true, shop: { paused: true, pausedReason: "fire" } }, texts);
  assert.deepEqual(found.map(({ action }) => action), ["return", "pair", "sound", null]);
  assert.match(found[3].words, /fire/);
});

test("a key that ended is said once", () => {
  const found = noticesOf({ ...calm, state: { state: "revoked" }, isHeld: true }, texts);
  assert.deepEqual(found.map(({ action }) => action), ["pair"]);
});
