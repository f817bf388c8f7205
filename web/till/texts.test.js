import assert from "node:assert/strict";
import { test } from "node:test";

import { TEXTS } from "./texts.js";

const blanks = (text) => {
  const texts = typeof text === "object" ? Object.values(text) : [text];
  return [...new Set(texts.flatMap((one) => one.match(/\{\w+\}/g) ?? []))].sort();
};

test("every language has every text, with the same blanks", () => {
  for (const [language, texts] of Object.entries(TEXTS)) {
    assert.deepEqual(Object.keys(texts).sort(), Object.keys(TEXTS.en).sort(), language);
    for (const [key, text] of Object.entries(texts)) assert.deepEqual(blanks(text), blanks(TEXTS.en[key]), `${language} ${key}`);
  }
});
