import assert from "node:assert/strict";
import { test } from "node:test";

import { nextTheme, setTheme, theme } from "./theme.js";

test("a choice is shown and kept, and the system's is no mark at all", () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const root = { dataset: {} };
  assert.equal(theme(storage), "system");
  setTheme("dark", root, storage);
  assert.deepEqual([root.dataset.theme, theme(storage)], ["dark", "dark"]);
  setTheme("system", root, storage);
  assert.deepEqual([root.dataset.theme, theme(storage)], [undefined, "system"]);
  assert.deepEqual(["system", "light", "dark"].map(nextTheme), ["light", "dark", "system"]);
});
