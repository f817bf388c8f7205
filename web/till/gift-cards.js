// Gift cards: look one up, take from it, give back to it.

import { el, replace } from "../common/dom.js";
import { money } from "../common/format.js";
import { amountOf, field, formOf, openPanel, Outcome } from "./panel.js";

// Open the panel. `till` is the till; `give(method, path, body)` gives a command and says what became of it.
export function openGiftCards(till, texts, give) {
  const say = (key, values) => texts.say(key, values);
  const amount = (value) => money(value, till.shop?.currency, texts.locale);
  const outcome = new Outcome();
  const found = el("div", { class: "stack" });
  const number = el("input", { name: "number", inputmode: "text", autocomplete: "off", spellcheck: "false", required: true, class: "mono" });

  const lookUp = async () => {
    const card = number.value.replace(/[\s-]/g, "");
    const { balance, expiryDate } = await till.ask.card(card);
    show(card, balance, expiryDate);
  };
  const path = (card, what) => `/api/tenant/${encodeURIComponent(till.tenant)}/gift-cards/${encodeURIComponent(card)}/${what}`;

  const show = (card, balance, expiryDate) => {
    const left = el("p", { class: "figure number" }, amount(balance));
    const orders = ordersFor(till);
    const settle = (answer, key) => {
      if (!answer) {
        outcome.say(say("asked.kept"), "warn");
        return;
      }
      left.textContent = amount(answer.balance);
      outcome.say(say(key, { balance: amount(answer.balance) }), "good");
    };
    const order = el("select", { name: "order" }, el("option", { value: "" }, say("cards.order.none")),
      orders.map((one) => el("option", { value: one.orderId }, `${one.orderNumber} · ${one.customerName || say("anonymous")} · ${amount(one.amountDue)}`)));
    const sum = el("input", { name: "amount", inputmode: "decimal", autocomplete: "off", required: true, pattern: "[0-9]+([.,][0-9]+)?" });
    // What is still to be paid, as far as the card goes.
    order.addEventListener("change", () => {
      const chosen = orders.find(({ orderId }) => orderId === order.value);
      if (chosen) sum.value = String(Math.min(chosen.amountDue, balance));
    });
    const take = formOf(texts, outcome, {
      fields: [field(say("cards.order"), order), field(say("cards.amount"), sum)], choices: [["redeem", say("cards.redeem")]],
      work: async () => settle(await give("POST", path(card, "redeem"), { amount: amountOf(sum.value), orderId: order.value || undefined }), "cards.redeemed"),
    });
    const back = formOf(texts, outcome, {
      fields: [
        field(say("cards.order.number"), el("input", { name: "orderNumber", autocomplete: "off", required: true, placeholder: "ORD-15" })),
        field(say("cards.amount"), el("input", { name: "amount", inputmode: "decimal", autocomplete: "off", required: true, pattern: "[0-9]+([.,][0-9]+)?" })),
        field(say("cancel.reason"), el("input", { name: "reason", autocomplete: "off", maxlength: "1000" })),
      ],
      choices: [["refund", say("cards.refund"), ""]],
      work: async ({ orderNumber, amount: wanted, reason }) => {
        const [paid] = await till.ask.orders({ orderNumber: orderNumber.value.trim().toUpperCase() });
        if (!paid) throw new Error(say("cards.order.unknown"));
        settle(await give("POST", path(card, "refund"), { amount: amountOf(wanted.value), orderId: paid.orderId, reason: reason.value.trim() || undefined }), "cards.refunded");
      },
    });
    replace(found,
      el("div", { class: "card sunken" }, el("p", { class: "muted" }, `•••• ${card.slice(-4)}`), left,
        expiryDate && el("p", { class: "muted" }, say("cards.until", { date: expiryDate }))),
      el("h3", {}, say("cards.take")), take, el("details", { class: "keys-list" }, el("summary", {}, say("cards.back")), back));
    sum.focus();
  };

  const ask = formOf(texts, outcome, {
    fields: field(say("cards.number"), number), choices: [["look", say("cards.look")]],
    work: async () => {
      replace(found);
      await lookUp();
    },
  });
  openPanel(texts, say("cards.title"), [ask, outcome.node, found]);
  number.focus();
}

// Open orders that are not paid yet, the oldest first.
const ordersFor = (till) => till.board.orders.filter(({ amountDue }) => amountDue > 0).sort((one, other) => one.due - other.due);
