import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");

// All that a module needs, by the path under /pages/.
function needed(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, from] of readFileSync(join(web, path), "utf8").matchAll(/^(?:import|export)\b[^;]*?from "(\.[^"]+)"/gm)) {
    needed(normalize(join(dirname(path), from)), found);
  }
  return found;
}

test("the page asks for all its modules at once, and for nothing else", () => {
  const html = readFileSync(join(web, "till/index.html"), "utf8");
  const named = [...html.matchAll(/(?:modulepreload" href|module" src)="\/pages\/([^"]+)"/g)].map(([, path]) => path);
  assert.deepEqual(named.toSorted(), ["till/boot.js", ...needed("till/main.js")].sort());
});
