// One column of the board: the newest cards are there, the others when somebody asks or scrolls down to them.

import { el, KeyedList, setText } from "../common/dom.js";

const AT_ONCE = 12;
const MORE = 12;

export class Column {
  node;
  #list;
  #items;
  #count;
  #more;
  #empty;
  #limit = AT_ONCE;
  #orders = [];
  #texts;
  #maker;

  constructor(name, texts, maker) {
    this.name = name;
    this.#texts = texts;
    this.#maker = maker;
    const isLater = name === "later";
    this.#items = el("ul", { class: "cards" });
    this.#count = el("span", { class: "count number" });
    this.#empty = el("p", { class: "empty" });
    this.#more = el("button", { class: "button more", type: "button", hidden: true, onclick: () => this.#showMore() });
    const title = el("h2", { id: `column-${name}` }, texts.say(`column.${name}`), " ", this.#count);
    this.node = el("section", { class: "column", "data-column": name, "aria-labelledby": title.id }, title, el("div", { class: "scroll" }, this.#empty, this.#items, this.#more));
    this.#list = new KeyedList(this.#items, {
      keyOf: (order) => order.orderId,
      make: () => maker.make(),
      update: (node, order) => maker.update(node, order, { isLater }),
    });
    new IntersectionObserver((seen) => seen.some(({ isIntersecting }) => isIntersecting) && this.#showMore(), { rootMargin: "400px" }).observe(this.#more);
  }

  show(orders, empty) {
    this.#orders = orders;
    this.node.dataset.count = orders.length;
    setText(this.#count, String(orders.length));
    setText(this.#empty, orders.length ? "" : empty);
    this.#empty.hidden = orders.length > 0;
    this.#draw();
  }

  #draw() {
    const rest = this.#orders.length - this.#limit;
    this.#list.show(rest > 0 ? this.#orders.slice(0, this.#limit) : this.#orders);
    this.#more.hidden = rest <= 0;
    if (rest > 0) setText(this.#more, this.#texts.say("more", { count: rest }));
    else this.#limit = Math.max(AT_ONCE, Math.min(this.#limit, this.#orders.length + MORE));
  }

  #showMore() {
    if (this.#more.hidden) return;
    this.#limit += MORE;
    this.#draw();
  }

  tick(now) {
    for (const node of this.#items.children) this.#maker.tick(node, now);
  }

  // Build all cards anew: the shop's times or money are others.
  renew() {
    for (const node of this.#items.children) this.#maker.update(node, this.#maker.orderOf(node), { isLater: this.name === "later" });
  }

  // The focusable cards, in their order.
  get cards() {
    return [...this.#items.children].map((node) => node.firstElementChild);
  }
}
