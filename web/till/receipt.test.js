import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeDocument, textOf } from "../common/fake-document.test.js";
import { Texts } from "../common/texts.js";
import { receipt } from "./receipt.js";
import { TEXTS } from "./texts.js";

beforeEach(() => {
  globalThis.document = new FakeDocument();
});

const order = {
  orderNumber: "ORD-15", orderType: "delivery", customerName: "<b>Ada</b>", placed: 0, totalAmount: 12.5, amountPaid: 2.5, amountDue: 10,
  currency: "EUR", specialInstructions: "nut allergy", deliveryAddress: { line1: "1 High St", city: "Leeds", postalCode: "LS1" },
  items: [{ name: "Pizza", quantity: 1, unitPrice: 12.5, notes: "well done", modifiers: [{ name: "half", quantity: 1, modifiers: [{ name: "olives", quantity: 2 }] }] }],
};
const print = (fence) => textOf(receipt(order, { shop: { shop: "Kitchen", timeZone: "UTC" }, texts: new Texts(TEXTS, "en", ["en"]), now: 0, fence }));

test("paper has all that is made, and what a life may hang on", () => {
  const text = print(3);
  for (const words of ["ORD-15", "<b>Ada</b>", "Allergy: nut allergy", "1× Pizza", "half", "2× olives", "well done", "1 High St, LS1 Leeds", "€10.00", "Print 3"]) {
    assert.ok(text.includes(words), words);
  }
});

test("a copy says that it is one", () => {
  assert.match(print(null), /Copy/);
});
