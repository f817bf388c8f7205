// The modules of a page, read from its files: those that it names, and those that it needs.

import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");

// All that a module needs, by the path under /pages/.
export function needed(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  const text = readFileSync(join(web, path), "utf8");
  for (const [, from] of text.matchAll(/^(?:(?:import|export)\b[^;]*?from|import) "(\.[^"]+)"/gm)) {
    needed(normalize(join(dirname(path), from)), found);
  }
  return found;
}

// Those that a page's head asks for, by the same path.
export function named(page) {
  const html = readFileSync(join(web, page), "utf8");
  return [...html.matchAll(/(?:modulepreload" href|module" src)="\/pages\/([^"]+)"/g)].map(([, path]) => path);
}
