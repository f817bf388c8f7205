// Shops by name, fifty at a time; each leads to its own view.

import { el, setText } from "../common/dom.js";
import { button, Reading, Table, tag } from "./parts.js";
import { toShop } from "./route.js";
import { say } from "./words.js";

const TYPING_MS = 250;

export class Shops {
  node;
  title = say("shops");
  #operator;
  #found = [];
  #after = null;
  #q = "";
  #table;
  #busy = new Map();
  #reading;
  #more;
  #count = el("p", { class: "muted small", role: "status" });

  constructor(operator) {
    this.#operator = operator;
    this.#table = shopTable((tenant) => this.#busy.get(tenant));
    this.#reading = new Reading(
      () => this.#read(),
      (page) => this.#take(page),
    );
    this.#more = button(say("more"), () => this.#reading.run(), { hidden: true });
    this.#reading.frame.append(this.#table.node, this.#more);
    const search = el("input", {
      type: "search",
      autocomplete: "off",
      placeholder: say("shopsSearch"),
      "aria-label": say("shopsSearch"),
    });
    let typing = null;
    search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.#search(search.value.trim()), TYPING_MS);
    });
    this.node = el(
      "div",
      { class: "view" },
      el("h1", { tabindex: -1 }, say("shops")),
      el("div", { class: "row search" }, search, this.#count),
      el("section", { class: "card part wide" }, this.#reading.node),
    );
    this.#reading.run();
  }

  // The busiest are known from the stream.
  show({ shops }) {
    this.#busy = new Map(shops.map(({ tenant, eventsPerMinute }) => [tenant, eventsPerMinute]));
    this.#table.show(this.#inOrder());
  }

  #search(q) {
    this.#q = q;
    this.#after = null;
    this.#reading.run();
  }

  async #read() {
    const q = this.#q;
    const after = this.#after;
    return { q, after, ...(await this.#operator.tenants(q, after)) };
  }

  #take({ q, after, tenants, next }) {
    // An answer to a question that was changed meanwhile.
    if (q !== this.#q || after !== this.#after) return;
    this.#found = after === null ? tenants : [...this.#found, ...tenants];
    this.#after = next;
    this.#more.hidden = next === null;
    setText(this.#count, say(next === null ? "shopsFound" : "shopsFoundMore", { count: this.#found.length }));
    this.#table.show(this.#inOrder());
  }

  // Traffic first, then by slug as they came.
  #inOrder() {
    const busy = (shop) => this.#busy.get(shop.tenant) ?? 0;
    // A fresh object for each: what is shown beside a shop changes without the shop.
    return this.#found.map((shop) => ({ ...shop })).sort((a, b) => busy(b) - busy(a));
  }
}

export const stateTags = ({ paused, pausedReason, disabled, test }) => [
  disabled && tag(say("disabled"), "bad"),
  paused && tag(pausedReason ? say("pausedBecause", { reason: pausedReason }) : say("paused"), "warn"),
  test && tag(say("test")),
];

const shopTable = (busyOf) =>
  new Table({
    caption: say("shops"),
    keyOf: ({ tenant }) => tenant,
    empty: say("shopsNone"),
    columns: [
      {
        head: say("shop"),
        shown: ({ tenant, name }) => [
          el("a", { href: toShop(tenant) }, name),
          el("span", { class: "muted small block mono" }, tenant),
        ],
      },
      {
        head: say("state"),
        shown: (shop) => (shop.disabled || shop.paused || shop.test ? stateTags(shop) : tag(say("isOpen"), "good")),
      },
      {
        head: say("aMinute"),
        number: true,
        shown: ({ tenant }) => (busyOf(tenant) === undefined ? "–" : String(busyOf(tenant))),
      },
      { head: say("timeZone"), shown: ({ timeZone }) => el("span", { class: "muted" }, timeZone) },
    ],
  });
