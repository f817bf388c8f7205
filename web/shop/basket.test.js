import assert from "node:assert/strict";
import test from "node:test";

import { Basket, inWords, MENU } from "./basket.js";

const [margherita] = MENU;

test("the same dish with the same extras is one line, in whatever order they were chosen", () => {
  const basket = new Basket();
  basket.add(margherita, ["Chilli", "Extra cheese"]);
  basket.add(margherita, ["Extra cheese", "Chilli"]);
  basket.add(margherita);
  assert.deepEqual(basket.lines.map(({ quantity }) => quantity), [2, 1]);
  assert.equal(basket.cents, 2 * (950 + 150 + 50) + 950);
});

test("a line from which the last one is taken is gone", () => {
  const basket = new Basket();
  basket.add(margherita);
  basket.add(margherita);
  basket.remove("margherita");
  basket.remove("nonsense");
  assert.equal(basket.cents, 950);
  basket.remove("margherita");
  assert.ok(basket.isEmpty);
});

test("an order says what the page has reckoned, so that the shop may disagree", () => {
  const basket = new Basket();
  basket.add(margherita, ["Extra cheese"]);
  assert.deepEqual(basket.order({ customerName: "Ada", note: "nuts" }), {
    orderType: "pickup", customerName: "Ada", specialInstructions: "nuts", totalAmount: 11,
    items: [{
      name: "Margherita", quantity: 1, unitPrice: 9.5, category: "pizza", station: "oven",
      modifiers: [{ name: "Extra cheese", unitPrice: 1.5 }],
    }],
  });
  assert.equal(inWords(123450), "1,234.50");
});
