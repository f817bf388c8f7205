// The scripts that every SDK passes: what the machine answers to each step, and when it wants to be woken.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { configOf } from "../src/core/config.js";
import { Dispatch } from "../src/core/dispatch.js";
import { Machine } from "../src/core/machine.js";
import { Damaged, readLog, record } from "../src/core/records.js";

const FOLDER = new URL("../../vectors/", import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
const files = readdirSync(FOLDER).filter((name) => /^(?!records|vectors\.schema).*\.json$/.test(name));
const encoder = new TextEncoder();

for (const file of files) {
  const { machine: kind, scripts } = read(file);
  for (const script of scripts) {
    test(`${file}: ${script.name}`, () => {
      const machine = kind === "outbox" ? new Dispatch() : new Machine(configOf(script.config));
      script.steps.forEach((step, number) => {
        assert.deepEqual(machine.receive(structuredClone(step.in)), step.out, `step ${number}`);
        assert.equal(machine.due, step.due, `step ${number}`);
      });
    });
  }
}

test("records are read and what is torn or damaged is told", () => {
  const cases = read("records.json").records;
  assert.ok(cases.length >= 10);
  for (const { log, values, torn, damaged } of cases) {
    const content = encoder.encode(log);
    if (damaged) assert.throws(() => readLog(content), Damaged);
    else assert.deepEqual(readLog(content), { values, torn });
  }
});

test("a record is the line that the other SDKs write", () => {
  const kept = { tenant: "küche", filter: {}, offset: "1-42" };
  assert.equal(record(kept), '7b239414 {"filter":{},"offset":"1-42","tenant":"küche"}\n');
});

test("an input that there is not is a programmer's error", () => {
  for (const machine of [new Dispatch(), new Machine(configOf({ tenant: "kitchen" }))]) {
    assert.throws(() => machine.receive({ type: "teleport", at: 0 }), TypeError);
  }
});

test("a wish that is not understood is not passed over", () => {
  for (const wish of [
    { acked: true }, { doors: [] }, { doors: ["window"] }, { filter: { colours: ["red"] } }, { window: 0 },
    { attempts: 0 }, { onDamage: "hope" }, { start: "" }, { tenant: "" }, { filter: { types: "new_order" } },
  ]) {
    assert.throws(() => configOf({ tenant: "kitchen", ...wish }), TypeError, JSON.stringify(wish));
  }
});
