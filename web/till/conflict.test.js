import assert from "node:assert/strict";
import { test } from "node:test";

import { Texts } from "../common/texts.js";
import { conflictWords } from "./conflict.js";
import { TEXTS } from "./texts.js";

const texts = new Texts(TEXTS, "en");
const step = { path: "/api/tenant/k/orders/a/status", body: { status: "preparing" } };
const say = (why, command = step) => conflictWords(command, why, () => "ORD-5", texts);

test("a till that came second learns who was first", () => {
  const body = { status: "preparing", by: { kind: "term", name: "Bar" } };
  assert.equal(say({ problem: "wrong-step", body }), "ORD-5: Bar was first, it is being prepared.");
  assert.equal(say({ problem: "wrong-step", body: { status: "cancelled", by: { kind: "store" } } }), "ORD-5: the shop was first, it is cancelled.");
  assert.equal(say({ problem: "wrong-step", body: { status: "ready", by: null } }), "ORD-5 is ready already.");
});

test("another refusal has its own words, and one that nobody can know says so", () => {
  assert.match(say({ problem: "card-voided", body: { detail: "The card is void" } }, { path: "/api/tenant/k/gift-cards/1/redeem", body: {} }), /redeem was refused: The card is void/);
  assert.match(say({ problem: "outcome-unknown", body: {} }), /^ORD-5: nobody can tell/);
});
