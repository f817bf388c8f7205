// One order in full: all its items, whom to call, what was paid, what became of it and who has seen it.

import { el, replace } from "../common/dom.js";
import { money, when } from "../common/format.js";
import { clock } from "./clock.js";
import { addressOf, itemOf, noteOf, notesOf } from "./items.js";
import { openPanel } from "./panel.js";

export async function openDetails(till, order, texts) {
  const body = el("div", { class: "stack" }, content(till, order, texts));
  openPanel(texts, texts.say("details.title", { number: order.orderNumber }), [body]);
  try {
    replace(body, content(till, { ...order, ...(await till.ask.order(order.orderId)), status: order.status }, texts));
  } catch {
    // Without a network it is as the board has it.
  }
}

function content(till, order, texts) {
  const say = (key, values) => texts.say(key, values);
  const amount = (value) => money(value, order.currency ?? till.shop?.currency, texts.locale);
  const moment = (at) => when(at, clock.now(), texts.locale, till.shop?.timeZone);
  const fact = (key, value) => value && el("tr", {}, el("th", { scope: "row" }, say(key)), el("td", {}, value));
  const said = (by) => (by?.kind === "term" ? by.name : by?.kind ? say(`by.${by.kind}`) : "");
  return [
    el("p", { class: "figure" }, order.customerName || say("anonymous")),
    notesOf(order).map((text) => noteOf(text, texts)),
    el("ul", { class: "items" }, (order.items ?? []).map((item) => itemOf(item, texts))),
    el("table", {}, el("tbody", {},
      (order.adjustments ?? []).map((one) => el("tr", {}, el("th", { scope: "row" }, one.name), el("td", { class: "number" }, amount(one.amount)))),
      el("tr", {}, el("th", { scope: "row" }, say("print.total")), el("td", { class: "number" }, amount(order.totalAmount))),
      (order.payments ?? []).map((one) => el("tr", {}, el("th", { scope: "row" }, one.method), el("td", { class: "number" }, amount(one.amount)))),
      order.amountDue > 0 && el("tr", {}, el("th", { scope: "row" }, say("unpaid")), el("td", { class: "number" }, amount(order.amountDue))))),
    el("table", {}, el("tbody", {}, fact("details.phone", order.customerPhone), fact("details.email", order.customerEmail), fact("details.address", addressOf(order.deliveryAddress)))),
    order.history && el("div", {}, el("h3", {}, say("details.history")), el("table", {}, el("tbody", {}, order.history.map((step) =>
      el("tr", {}, el("td", {}, moment(step.at)), el("td", {}, say(`status.${step.status}`), step.reason && `: ${step.reason}`), el("td", {}, said(step.by))))))),
    order.receipts?.length > 0 && el("p", {}, `${say("details.seen")}: ${order.receipts.map(({ name, webhookId }) => name ?? webhookId).join(", ")}`),
  ];
}
