// Search a shop's orders. Each search is in the shop's audit trail, so one is made when somebody asks, and not before.

import { el } from "../common/dom.js";
import { money } from "../common/format.js";
import { button, Reading, Table, tag } from "./parts.js";
import { toOrder } from "./route.js";
import { locale, moment, say } from "./words.js";

const SHOWN = 20;
const ID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

// A text that was typed, as a search: an order's id leads to it at once. `{order}` or `{wishes}`.
export function readSearch(typed) {
  const text = typed.trim();
  if (ID.test(text)) return { order: text.toLowerCase() };
  // People say "15" and mean ORD-15.
  if (/^\d+$/.test(text)) return { wishes: { orderNumber: `ORD-${text}`, limit: SHOWN } };
  if (/^ord-/i.test(text)) return { wishes: { orderNumber: text.toUpperCase(), limit: SHOWN } };
  return { wishes: text ? { externalId: text, limit: SHOWN } : { limit: SHOWN } };
}

export class Orders {
  node;
  #wishes = null;

  constructor(operator, tenant) {
    const table = orderTable(tenant);
    const reading = new Reading(
      async () => (await operator.orders(tenant, this.#wishes)).orders,
      (found) => table.show(found),
    );
    reading.frame.append(table.node);
    const typed = el("input", {
      type: "search",
      autocomplete: "off",
      placeholder: say("ordersSearch"),
      "aria-label": say("ordersSearch"),
    });
    const look = (wishes) => {
      this.#wishes = wishes;
      reading.run();
    };
    const form = el(
      "form",
      { class: "row search" },
      typed,
      el("button", { class: "button little main" }, say("search")),
      button(say("unseenOnes"), () => look({ unacked: "true", limit: SHOWN })),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { order, wishes } = readSearch(typed.value);
      if (order) location.hash = toOrder(tenant, order);
      else look(wishes);
    });
    this.node = el(
      "div",
      { class: "stack" },
      form,
      el("p", { class: "muted small" }, say("ordersAudited")),
      reading.node,
    );
  }
}

const orderTable = (tenant) =>
  new Table({
    caption: say("orders"),
    keyOf: ({ orderId }) => orderId,
    empty: say("ordersNone"),
    columns: [
      {
        head: say("order"),
        shown: ({ orderId, orderNumber }) => el("a", { href: toOrder(tenant, orderId) }, orderNumber),
      },
      { head: say("state"), shown: ({ status }) => tag(status) },
      { head: say("placed"), shown: ({ createdAt }) => el("span", { class: "number" }, moment(createdAt)) },
      { head: say("total"), number: true, shown: ({ totalAmount, currency }) => money(totalAmount, currency, locale) },
    ],
  });
