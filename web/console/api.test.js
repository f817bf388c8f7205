import assert from "node:assert/strict";
import test from "node:test";

import { Operator, readKey, Refused } from "./api.js";

const KEY = "bw_op_0123456789";

function server(...answers) {
  const asked = [];
  const fetch = async (where, wishes) => {
    asked.push([wishes.method ?? "GET", where, wishes]);
    const [status, document, headers] = answers.shift() ?? [200, {}];
    return new Response(status === 204 ? null : JSON.stringify(document), { status, headers });
  };
  return { asked, fetch };
}

test("a key is read as it was pasted, and one of a shop is said to be", () => {
  assert.deepEqual(readKey(`  ${KEY}\n`), { key: KEY });
  assert.deepEqual(readKey("   "), { fault: "keyMissing" });
  assert.deepEqual(readKey("bw_term_abc"), { fault: "keyOfAShop" });
  assert.deepEqual(readKey("bw_op_ä"), { fault: "keyNoKey" });
});

test("the key is in the header alone, and a name of a shop stays one part of the path", async () => {
  const { asked, fetch } = server([200, { connections: [] }]);
  await new Operator(KEY, { fetch }).connections("a/b", "t?1");
  const [method, where, wishes] = asked[0];
  assert.equal(`${method} ${where}`, "GET /api/tenant/a%2Fb/terminals/t%3F1/connections");
  assert.equal(wishes.headers.Authorization, `Bearer ${KEY}`);
  assert.equal(wishes.credentials, "omit");
});

test("a search leaves out what was not asked for", async () => {
  const { asked, fetch } = server([200, {}], [200, {}]);
  const operator = new Operator(KEY, { fetch });
  await operator.tenants("", null);
  await operator.tenants("a&b", "x");
  assert.deepEqual(
    asked.map(([, where]) => where),
    ["/api/tenants?limit=50", "/api/tenants?q=a%26b&after=x&limit=50"],
  );
});

test("what the API refuses is said in its own words, with the fields that are wrong", async () => {
  const { fetch } = server(
    [409, { type: "urn:bellwire:problem:last-gateway", detail: "No other gateway takes terminals" }],
    [422, { errors: [{ loc: "pausedReason", msg: "is too long" }] }],
    [429, {}, { "Retry-After": "7" }],
  );
  const operator = new Operator(KEY, { fetch });
  await assert.rejects(
    operator.drain("gateway-1"),
    (error) => error instanceof Refused && error.code === "last-gateway",
  );
  await assert.rejects(operator.pause("shop", "x"), { message: "pausedReason: is too long" });
  await assert.rejects(operator.journey("shop", "1"), { status: 429, retryAfter: 7 });
});

test("no answer is no status", async () => {
  const operator = new Operator(KEY, { fetch: () => Promise.reject(new TypeError("network")) });
  await assert.rejects(operator.tenants(), { status: null });
});

test("a key that has ended is said, and one that was forgotten opens nothing", async () => {
  const { asked, fetch } = server([401, { detail: "This key is not known" }]);
  let ended = null;
  const operator = new Operator(KEY, { fetch, onEnded: (refused) => (ended = refused) });
  await assert.rejects(operator.tenants());
  assert.equal(ended.status, 401);
  operator.forget();
  assert.equal(operator.isThere, false);
  await assert.rejects(operator.tenants(), { name: "AbortError" });
  assert.equal(asked.length, 1);
});

test("forgetting the key ends a stream that is open", async () => {
  let signal;
  const fetch = async (_, wishes) => {
    ({ signal } = wishes);
    return new Response("");
  };
  const operator = new Operator(KEY, { fetch });
  await operator.overview(new AbortController().signal);
  assert.equal(signal.aborted, false);
  operator.forget();
  assert.equal(signal.aborted, true);
});

test("a call that moves nothing has no body", async () => {
  const { asked, fetch } = server([204], [204]);
  const operator = new Operator(KEY, { fetch });
  assert.equal(await operator.revoke("s", "t"), null);
  await operator.resume("g");
  assert.deepEqual(
    asked.map(([method, , wishes]) => [method, wishes.body]),
    [
      ["DELETE", undefined],
      ["POST", undefined],
    ],
  );
});
