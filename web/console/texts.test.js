import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { TEXTS } from "./texts.js";

const HERE = new URL("./", import.meta.url);
const sources = readdirSync(HERE)
  .filter((name) => name.endsWith(".js") && !name.endsWith(".test.js") && name !== "texts.js")
  .map((name) => readFileSync(new URL(name, HERE), "utf-8"));
const all = sources.join("\n");

test("every word that the console says is there, in each language", () => {
  const said = [...all.matchAll(/\bsay\("([\w-]+)"/g)].map(([, key]) => key);
  const made = [...all.matchAll(/"((?:trouble|moment|key)[A-Z][\w-]*)"/g)].map(([, key]) => key);
  assert.ok(said.length > 100);
  for (const [language, texts] of Object.entries(TEXTS)) {
    assert.deepEqual(
      [...said, ...made].filter((key) => !(key in texts)),
      [],
      language,
    );
    assert.deepEqual(Object.keys(texts).sort(), Object.keys(TEXTS.en).sort(), language);
  }
});

test("a word has the same places for values in each language", () => {
  const places = (text) => [...JSON.stringify(text).matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  for (const [key, text] of Object.entries(TEXTS.en)) {
    for (const [language, texts] of Object.entries(TEXTS)) {
      assert.deepEqual(new Set(places(texts[key])), new Set(places(text)), `${language} ${key}`);
    }
  }
});

test("no word is there that nobody says", () => {
  // These names are put together where they are said.
  const made = /^(?:close|state-|link-|trace-|kind-|verdict-|theme-)/;
  const unsaid = Object.keys(TEXTS.en).filter((key) => !made.test(key) && !new RegExp(`["'\`]${key}["'\`]`).test(all));
  assert.deepEqual(
    unsaid.filter((key) => !["gateway", "api"].includes(key)),
    [],
  );
});
