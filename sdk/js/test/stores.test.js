// Cursors and logs: a crash tears none, and what is hurt otherwise is told and left as it is.

import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";

import { Damaged, DeadLetters, MemoryCursor, MemoryLog, StorageCursor, StorageLog } from "../src/index.js";
import { FileCursor, FileLog } from "../src/node.js";

const KEPT = { tenant: "küche", filter: { stations: ["bar"] }, offset: "1-42" };
const scratch = await mkdtemp(join(tmpdir(), "bellwire-"));
let folder;
let number = 0;
beforeEach(async () => {
  folder = join(scratch, String((number += 1)));
  await mkdir(folder);
});
after(() => rm(scratch, { recursive: true }));

// A stand-in for `localStorage`, which Node 20 lacks.
class Shelf {
  texts = new Map();
  getItem(name) {
    return this.texts.get(name) ?? null;
  }
  setItem(name, text) {
    this.texts.set(name, String(text));
  }
}

const cursors = () => {
  const shelf = new Shelf();
  return [() => new FileCursor(join(folder, "cursor")), () => new StorageCursor("cursor", shelf)];
};

test("a cursor that was saved is what another one of that name loads, and at first there is none", async () => {
  for (const made of cursors()) {
    assert.equal(await made().load(), null);
    await made().save({ ...KEPT, offset: "1-41" });
    await made().save(KEPT);
    assert.deepEqual(await made().load(), KEPT);
  }
  const kept = new MemoryCursor();
  kept.save(KEPT);
  assert.deepEqual(kept.load(), KEPT);
});

test("a cursor's file that is cut at any byte or changed is damaged, and says which file", async () => {
  const path = join(folder, "cursor");
  await new FileCursor(path).save(KEPT);
  const whole = await readFile(path);
  for (let size = 0; size < whole.length; size += 1) {
    await writeFile(path, whole.subarray(0, size));
    await assert.rejects(new FileCursor(path).load(), (error) => error instanceof Damaged && error.message.includes(path));
  }
  await writeFile(path, whole.toString().replace("1-42", "1-43"));
  await assert.rejects(new FileCursor(path).load(), Damaged);
});

test("a storage's cursor that somebody changed is damaged, and so is a record that is no cursor", () => {
  const shelf = new Shelf();
  new StorageCursor("cursor", shelf).save(KEPT);
  shelf.setItem("cursor", shelf.getItem("cursor").replace("1-42", "1-43"));
  assert.throws(() => new StorageCursor("cursor", shelf).load(), Damaged);
  new StorageLog("cursor", shelf).rewrite([{ offset: 7 }]);
  assert.throws(() => new StorageCursor("cursor", shelf).load(), Damaged);
});

test("a log cut at any byte keeps every whole record, and goes on behind them", async () => {
  const path = join(folder, "log");
  for (const n of [1, 2, 3]) await new FileLog(path).append({ n });
  const whole = await readFile(path);
  for (let size = whole.length - 1; size >= 0; size -= 1) {
    await writeFile(path, whole);
    await truncate(path, size);
    const log = new FileLog(path);
    const left = whole.subarray(0, size).toString().split("\n").length - 1;
    const wanted = [1, 2, 3].slice(0, left).map((n) => ({ n }));
    assert.deepEqual(await log.load(), wanted);
    await log.append({ n: 9 });
    assert.deepEqual(await new FileLog(path).load(), [...wanted, { n: 9 }]);
  }
});

test("a record that is hurt before the last one is damage", async () => {
  const path = join(folder, "log");
  for (const n of [1, 2]) await new FileLog(path).append({ n });
  await writeFile(path, (await readFile(path)).toString().replace('"n":1', '"n":7'));
  await assert.rejects(new FileLog(path).load(), (error) => error.message.includes(path));
  const shelf = new Shelf();
  new StorageLog("log", shelf).append({ n: 1 });
  shelf.setItem("log", `${shelf.getItem("log")}x`);
  assert.throws(() => new StorageLog("log", shelf).load(), Damaged);
});

test("a disk that takes nothing is told", async () => {
  const path = join(folder, "missing", "x");
  await assert.rejects(new FileCursor(path).save(KEPT));
  await assert.rejects(new FileLog(path).append({}));
});

test("dead letters are kept until somebody deals with them", async () => {
  const shelf = new Shelf();
  for (const log of [new FileLog(join(folder, "dead")), new MemoryLog(), new StorageLog("dead", shelf)]) {
    const letters = new DeadLetters(log);
    for (const offset of ["1-1", "1-2"]) await letters.add({ event: { offset }, attempts: 3, error: "no paper", at: "" });
    await letters.remove("1-1");
    assert.deepEqual((await letters.entries()).map((letter) => letter.event.offset), ["1-2"]);
  }
  await appendFile(join(folder, "dead"), "half a rec");
  assert.equal((await new DeadLetters(new FileLog(join(folder, "dead"))).entries()).length, 1);
});
