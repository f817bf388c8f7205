// An order on paper: all of it, black on white, for a roll of 72 mm or a sheet.

import { el } from "../common/dom.js";
import { decimalsOf, money, quantity, when } from "../common/format.js";
import { addressOf, modifiersOf, notesOf } from "./items.js";
import { lineTotal, warns } from "./order.js";

// `mark` says which print it is: `fence` of the claim, or null for a copy.
export function receipt(order, { shop, texts, now, fence }) {
  const say = (key, values) => texts.say(key, values);
  const zone = shop?.timeZone;
  const amount = (value) => money(value, order.currency ?? shop?.currency, texts.locale);
  const moment = (at) => when(at, now, texts.locale, zone);
  const line = (words, value, name = "") => el("p", { class: `pair ${name}` }, el("span", {}, words), el("span", {}, value));
  const type = say(`type.${order.orderType}`);
  const { deliveryAddress: place } = order;
  return el(
    "section",
    { class: "receipt" },
    el("p", { class: "center" }, shop?.shop ?? ""),
    el("h1", {}, order.orderNumber),
    el("p", { class: "center big" }, type.startsWith("type.") ? order.orderType : type, order.tableNumber && ` · ${say("table", { table: order.tableNumber })}`),
    order.guests && el("p", { class: "center" }, say("guests", { count: order.guests })),
    line(say("print.placed"), moment(order.placed)),
    order.scheduledFor && line(say("print.for"), moment(order.scheduledFor), "big"),
    order.readyAt && line(say("print.ready"), moment(order.readyAt), "big"),
    el("p", { class: "big" }, order.customerName || say("anonymous")),
    order.customerPhone && el("p", {}, order.customerPhone),
    place && el("p", {}, addressOf(place)),
    notesOf(order).map((text) =>
      el("p", { class: warns(text) ? "box allergy" : "box" }, el("strong", {}, `${say(warns(text) ? "allergy" : "note")}: `), text)),
    el("ul", { class: "lines" }, (order.items ?? []).map((item) => itemLine(item, texts, amount, order.currency ?? shop?.currency))),
    order.itemsOmitted && el("p", { class: "box" }, say("items.omitted", { count: order.itemCount })),
    (order.adjustments ?? []).map((one) => line(one.name, amount(one.amount))),
    line(say("print.total"), amount(order.totalAmount), "big"),
    order.amountPaid > 0 && line(say("paid"), amount(order.amountPaid)),
    order.amountDue > 0 && line(say("unpaid"), amount(order.amountDue), "big"),
    el("p", { class: "center small" }, fence === null ? say("print.copy") : say("print.mark", { fence }), ` · ${moment(now)}`),
  );
}

function itemLine(item, texts, amount, currency) {
  return el(
    "li",
    {},
    el("p", { class: "pair item" }, el("span", {}, `${quantity(item.quantity, item.unit, texts.locale)} ${item.name}`), el("span", {}, amount(lineTotal(item, decimalsOf(currency))))),
    modifiersOf(item.modifiers),
    item.notes && el("p", { class: warns(item.notes) ? "box allergy" : "box" }, item.notes),
  );
}
