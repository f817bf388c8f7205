// One order as a card. It is built anew when the order changes, and a tick changes its clock alone.

import { el, setAttribute, setText } from "../common/dom.js";
import { age, clock as timeOf, minutesOf, money, when } from "../common/format.js";
import { clock } from "./clock.js";
import { icon } from "./icons.js";
import { addressOf, itemOf, noteOf, notesOf } from "./items.js";
import { backOf, nextOf } from "./order.js";
import { ageOf, minutesToPromise, promisedAt, toneOf } from "./times.js";

// So many items are shown; a printed order has all.
const MOST_ITEMS = 12;

export class CardMaker {
  #texts;
  #shop;
  #act;
  #parts = new WeakMap();

  // `act(name, order, more)` is called for what a person wants.
  constructor(texts, shop, act) {
    this.#texts = texts;
    this.#shop = shop;
    this.#act = act;
  }

  set shop(shop) {
    this.#shop = shop;
  }

  make() {
    return el("li", { class: "slot" });
  }

  orderOf(node) {
    return this.#parts.get(node)?.order ?? null;
  }

  update(node, order, { isLater = false } = {}) {
    const say = (key, values) => this.#texts.say(key, values);
    const time = el("span", { class: "age number" });
    const aloud = el("span", { class: "unseen" });
    const promise = el("span", { class: "promise number" });
    const number = el(
      "h3",
      { class: "order-number", id: `order-${order.orderId}` },
      el("button", { class: "plain", type: "button", title: say("details.open", { number: order.orderNumber }), onclick: () => this.#act("details", order) }, order.orderNumber),
    );
    const card = el(
      "article",
      {
        class: `order${order.waits ? " waits" : ""}`, tabindex: "0", "data-order": order.orderId, "data-status": order.status,
        "aria-labelledby": number.id,
      },
      el("header", { class: "order-head" }, number, el("span", { class: "age-box" }, aloud, isLater ? promise : time)),
      this.#facts(order, isLater ? null : promise),
      order.deliveryAddress && !isLater && el("p", { class: "line address" }, addressOf(order.deliveryAddress)),
      order.waits && el("p", { class: "line unsent" }, icon("unsent"), say("waits")),
      order.alarm > 0 && el("p", { class: "line alarm" }, icon("bell"), say("alarm")),
      notesOf(order).map((text) => noteOf(text, this.#texts)),
      isLater ? null : this.#items(order),
      this.#foot(order, isLater),
    );
    node.replaceChildren(card);
    this.#parts.set(node, { order, card, time, aloud, promise, isLater });
    this.tick(node, clock.now());
  }

  // Bring the clock of a card up to date.
  tick(node, now) {
    const { order, card, time, aloud, promise, isLater } = this.#parts.get(node);
    const { locale } = this.#texts;
    const zone = this.#shop?.timeZone;
    if (isLater) {
      setText(promise, when(order.scheduledFor ?? order.due, now, locale, zone));
      return;
    }
    const tone = toneOf(order, now, this.#shop);
    setAttribute(card, "data-tone", tone);
    setText(time, age(ageOf(order, now)));
    const late = tone === "good" ? "" : `, ${this.#texts.say(`tone.${tone}`)}`;
    setText(aloud, `${this.#texts.say("age.aloud", { count: minutesOf(ageOf(order, now)) })}${late}`);
    setText(promise, this.#promise(order, now, zone));
  }

  #promise(order, now, zone) {
    if (order.status !== "preparing") return "";
    const at = promisedAt(order, this.#shop);
    if (now > at) return this.#texts.say("late.by", { age: age(now - at) });
    return this.#texts.say("ready.at", { time: timeOf(at, this.#texts.locale, zone) });
  }

  #facts(order, promise) {
    const say = (key, values) => this.#texts.say(key, values);
    const type = say(`type.${order.orderType}`);
    return el(
      "div",
      { class: "facts" },
      el("span", { class: "customer" }, order.customerName || say("anonymous")),
      el("span", { class: "tag" }, type.startsWith("type.") ? order.orderType : type),
      order.tableNumber && el("span", { class: "tag strong" }, say("table", { table: order.tableNumber })),
      order.guests && el("span", { class: "tag" }, say("guests", { count: order.guests })),
      order.scheduledFor && promise && el("span", { class: "tag" }, icon("clock"), say("for.at", { time: when(order.scheduledFor, clock.now(), this.#texts.locale, this.#shop?.timeZone) })),
      order.courier?.name && el("span", { class: "tag" }, say("courier", { name: order.courier.name })),
      promise,
    );
  }

  #items(order) {
    if (order.itemsOmitted) return el("p", { class: "line" }, this.#texts.say("items.omitted", { count: order.itemCount }));
    const items = order.items ?? [];
    const more = items.length - MOST_ITEMS;
    return el(
      "ul",
      { class: "items" },
      items.slice(0, more > 1 ? MOST_ITEMS : items.length).map((item) => itemOf(item, this.#texts)),
      more > 1 && el("li", {}, el("button", { class: "button little", type: "button", onclick: () => this.#act("details", order) }, this.#texts.say("items.more", { count: more }))),
    );
  }

  #foot(order, isLater) {
    const say = (key, values) => this.#texts.say(key, values);
    const { orderNumber: number, amountDue, totalAmount } = order;
    const amount = (value) => money(value, order.currency ?? this.#shop?.currency, this.#texts.locale);
    const isPaid = !(amountDue > 0);
    const open = amountDue < totalAmount ? say("due", { amount: amount(amountDue) }) : say("unpaid");
    const back = backOf(order.status);
    const small = (name, key, picture) =>
      el("button", { class: "button quiet square", type: "button", "aria-label": say(key, { number }), title: say(key, { number }), onclick: () => this.#act(name, order) }, icon(picture));
    return el(
      "footer",
      { class: "order-foot" },
      el("p", { class: "money" }, el("span", { class: "number total" }, amount(totalAmount)), el("span", { class: isPaid ? "tag good" : "tag warn" }, isPaid ? say("paid") : open)),
      el("div", { class: "tools" }, back && small("back", "step.back", "back"), small("print", "step.print", "printer"), small("cancel", "step.cancel", "cross")),
      this.#next(order, isLater),
    );
  }

  #next(order, isLater) {
    const say = (key, values) => this.#texts.say(key, values);
    const { orderNumber: number } = order;
    const button = (words, aloud, run, more = "main next") => el("button", { class: `button ${more}`, type: "button", "aria-label": aloud, onclick: run }, words);
    if (isLater) return el("div", { class: "nexts" }, button(say("step.start"), say("step.start.aloud", { number }), () => this.#act("next", order), "next"));
    if (order.status !== "pending") {
      const next = nextOf(order.status);
      return el("div", { class: "nexts" }, button(say(`step.${next}`), say(`step.${next}.aloud`, { number }), () => this.#act("next", order)));
    }
    if (order.scheduledFor) {
      return el("div", { class: "nexts" }, button(say("accept"), `${say("accept")} ${number}`, () => this.#act("next", order)));
    }
    const [usual, ...others] = minutesToPromise(this.#shop);
    const accept = (minutes) => () => this.#act("accept", order, { minutes });
    return el(
      "div",
      { class: "nexts" },
      button(say("accept.in", { minutes: usual }), say("accept.in.aloud", { number, minutes: usual }), accept(usual)),
      others.slice(0, 2).map((minutes) => button(String(minutes), say("accept.in.aloud", { number, minutes }), accept(minutes), "minutes number")),
    );
  }
}
