import assert from "node:assert/strict";
import { test } from "node:test";

import { Asker, NoAnswer, pair, paired, SaidNo } from "./ask.js";

const answering = (...answers) => {
  const asked = [];
  const fetch = async (path, init) => {
    asked.push({ path, ...init });
    const { status = 200, body, headers = {} } = answers[Math.min(asked.length, answers.length) - 1];
    return new Response(status === 204 ? null : JSON.stringify(body), { status, headers });
  };
  return { fetch, asked };
};

test("a code is asked for without a key, a key with itself", async () => {
  const { fetch, asked } = answering({ status: 201, body: { tenant: "kitchen" } });
  await pair("ABCD-EFGH", fetch);
  assert.equal(asked[0].headers.Authorization, undefined);
  const whoami = answering({ body: { kind: "term", tenant: "kitchen", terminalId: "t" } });
  assert.equal((await paired("bw_term_x", whoami.fetch)).tenant, "kitchen");
  assert.equal(whoami.asked[0].headers.Authorization, "Bearer bw_term_x");
});

test("a key of another kind is none of a till's", async () => {
  const { fetch } = answering({ body: { kind: "store", tenant: "kitchen" } });
  await assert.rejects(paired("bw_store_x", fetch), (error) => error instanceof SaidNo && error.problem === "forbidden");
});

test("a refusal has its code, and how long to wait", async () => {
  const problem = { type: "urn:bellwire:problem:too-many-requests", detail: "Wait" };
  const { fetch } = answering({ status: 429, body: problem, headers: { "Retry-After": "90" } });
  await assert.rejects(pair("X", fetch), (error) => error.problem === "too-many-requests" && error.retryAfterSeconds === 90);
});

test("no answer, and one of somebody else's, is told from a refusal", async () => {
  await assert.rejects(pair("X", async () => { throw new TypeError("network"); }), NoAnswer);
  await assert.rejects(pair("X", async () => new Response("<html>", { status: 502 })), NoAnswer);
});

test("orders are read to the end of their pages", async () => {
  const { fetch, asked } = answering({ body: { orders: [1, 2], next: "n" } }, { body: { orders: [3], next: null } });
  const shop = new Asker({ tenant: "a b", key: "k" }, fetch);
  assert.deepEqual(await shop.orders({ from: "2026-11-29" }), [1, 2, 3]);
  assert.equal(asked[1].path, "/api/tenant/a%20b/orders?from=2026-11-29&limit=200&after=n");
});
