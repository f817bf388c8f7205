// Webhook messages: genuine ones, signed here by Node's own HMAC, and every other kind.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { NotGenuine, verify } from "../src/index.js";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const now = 1_764_000_000;
const BODY = '{"type":"new_order","offset":"1-42","data":{"name":"Döner"}}';

function signature(secret, body, at = now) {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return `v1,${createHmac("sha256", key).update(`1-42.${at}.`).update(body).digest("base64")}`;
}
const headers = (more = {}) => ({
  "Webhook-Id": "1-42", "Webhook-Timestamp": String(now), "Webhook-Signature": signature(SECRET, BODY), ...more,
});

test("what is signed by the secret and of now is genuine, as text, as bytes, and with a page's headers", async () => {
  for (const body of [BODY, Buffer.from(BODY), new TextEncoder().encode(BODY)]) {
    assert.equal((await verify(SECRET, headers(), body, { now })).data.name, "Döner");
  }
  assert.equal((await verify(SECRET, new Headers(headers()), BODY, { now })).offset, "1-42");
});

test("of two signatures either will do", async () => {
  const both = headers({ "Webhook-Signature": `${signature(OTHER, BODY)} ${signature(SECRET, BODY)}` });
  for (const secret of [SECRET, OTHER]) assert.equal((await verify(secret, both, BODY, { now })).type, "new_order");
});

for (const [name, change] of Object.entries({
  "another secret": { secret: OTHER },
  "another body": { body: `${BODY} ` },
  "too old": { at: now + 301 },
  "of the future": { at: now - 301 },
  "another id": { headers: headers({ "Webhook-Id": "1-43" }) },
  "no time": { headers: headers({ "Webhook-Timestamp": "soon" }) },
  "no signature of this kind": { headers: headers({ "Webhook-Signature": `v2,${signature(SECRET, BODY)} v1,? v1` }) },
  "no headers": { headers: {} },
  "no secret": { secret: "whsec_?" },
  "no object": { body: "[]", headers: headers({ "Webhook-Signature": signature(SECRET, "[]") }) },
  "no JSON": { body: "no", headers: headers({ "Webhook-Signature": signature(SECRET, "no") }) },
})) {
  test(`a message is not genuine: ${name}`, async () => {
    const asked = { secret: SECRET, headers: headers(), body: BODY, at: now, ...change };
    await assert.rejects(verify(asked.secret, asked.headers, asked.body, { now: asked.at }), NotGenuine);
  });
}
