// The published package: the modules, their types, the license and the README, and nothing else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import * as board from "../src/board.js";
import * as index from "../src/index.js";
import * as node from "../src/node.js";

const ROOT = new URL("../", import.meta.url);

test("npm packs the modules with their types, license and README, and nothing else", () => {
  const packed = execFileSync("npm", ["pack", "--dry-run", "--json", "--offline"], {
    cwd: fileURLToPath(ROOT), encoding: "utf8", stdio: ["ignore", "pipe", "ignore"],
  });
  const names = JSON.parse(packed)[0].files.map((file) => file.path).sort();
  const list = (folder) =>
    readdirSync(new URL(folder, ROOT), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? list(`${folder}${entry.name}/`) : [`${folder}${entry.name}`],
    );
  assert.deepEqual(names, ["LICENSE", "README.md", "package.json", ...list("src/")].sort());
});

test("the types name what the modules export, and nothing else", () => {
  for (const [name, module] of Object.entries({ board, index, node })) {
    const text = readFileSync(new URL(`src/${name}.d.ts`, ROOT), "utf8");
    const typed = [...text.matchAll(/^export (?:class |function |\{ )(\w+)/gm)].map((found) => found[1]);
    assert.deepEqual(typed.sort(), Object.keys(module).sort());
  }
});
