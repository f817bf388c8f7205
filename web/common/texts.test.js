import assert from "node:assert/strict";
import { test } from "node:test";

import { best, choose, chosen, Texts } from "./texts.js";

const both = { en: { orders: { one: "{count} order", other: "{count} orders" }, only: "here" }, de: { orders: { one: "{count} Bestellung", other: "{count} Bestellungen" } } };

const storage = () => {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
};

test("a text is filled in, by its count where it has two", () => {
  const texts = new Texts(both, "de");
  assert.equal(texts.say("orders", { count: 1 }), "1 Bestellung");
  assert.equal(texts.say("orders", { count: 12 }), "12 Bestellungen");
  assert.equal(texts.say("only"), "here");
});

test("the reader's language is taken where there is one, and a choice goes before it", () => {
  assert.equal(best(["en", "de"], ["fr", "de-AT"]), "de");
  assert.equal(best(["en", "de"], ["fr"]), "en");
  const kept = storage();
  assert.equal(chosen(["en", "de"], kept, ["de"]), "de");
  choose("en", kept);
  assert.equal(chosen(["en", "de"], kept, ["de"]), "en");
});

test("figures are written as they are where the reader is from", () => {
  assert.equal(new Texts(both, "de", ["en-GB", "de-AT"]).locale, "de-AT");
  assert.equal(new Texts(both, "de", ["fr"]).locale, "de");
});

test("a browser that keeps nothing is no error", () => {
  const refusing = { getItem() { throw new Error("no"); }, setItem() { throw new Error("no"); } };
  choose("de", refusing);
  assert.equal(chosen(["en", "de"], refusing, ["de"]), "de");
});
