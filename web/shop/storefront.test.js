import assert from "node:assert/strict";
import test from "node:test";

import { Storefront } from "./storefront.js";

function shopThatAnswers(...answers) {
  const asked = [];
  const fetch = async (path, wishes) => {
    asked.push({ path, ...wishes });
    const answer = answers.shift();
    if (!answer) throw new TypeError("cut");
    return Response.json(answer[1], { status: answer[0] });
  };
  return { asked, shop: new Storefront("kitchen", "bw_store_x", { fetch, pause: async () => {} }) };
}

test("an order that got no answer is asked for again with the same key", async () => {
  const { asked, shop } = shopThatAnswers(null, [503, {}], [409, { type: "still-running" }], [201, { orderId: "1" }]);
  assert.deepEqual(await shop.place({}), { orderId: "1" });
  assert.equal(asked.length, 4);
  assert.equal(new Set(asked.map(({ headers }) => headers["Idempotency-Key"])).size, 1);
  assert.ok(asked.every(({ headers }) => headers.Authorization === "Bearer bw_store_x"));
});

test("two orders have two keys", async () => {
  const { asked, shop } = shopThatAnswers([201, {}], [201, {}]);
  await shop.place({});
  await shop.place({});
  assert.notEqual(asked[0].headers["Idempotency-Key"], asked[1].headers["Idempotency-Key"]);
});

test("what the shop refuses is not asked again, and its reason is shown", async () => {
  const wrong = shopThatAnswers([422, { detail: "wrong", errors: [{ loc: "customerName", msg: "is too long" }] }]);
  await assert.rejects(wrong.shop.place({}), /is too long/);
  const poor = shopThatAnswers([409, { type: "not-enough", detail: "There is not enough on the card." }]);
  await assert.rejects(poor.shop.redeem("ABC/1", 5, "1"), /not enough/);
  assert.equal(poor.asked.length, 1);
  assert.equal(poor.asked[0].path, "/api/tenant/kitchen/gift-cards/ABC%2F1/redeem");
});

test("a look is one request", async () => {
  const { asked, shop } = shopThatAnswers(null);
  await assert.rejects(shop.status(), /does not answer/);
  assert.equal(asked.length, 1);
});
