// The board on the page: four columns, drawn once a frame at most, and the keys that go from order to order.

import { el, setAttribute } from "../common/dom.js";
import { COLUMNS } from "./board.js";
import { CardMaker } from "./card.js";
import { clock } from "./clock.js";
import { Column } from "./column.js";
import { actOf, movedTo } from "./keys.js";

const TICK_MS = 1_000;

export class BoardView {
  node;
  #columns;
  #maker;
  #texts;
  #act;
  #tabs;
  #found = null;
  #isAsked = false;
  #look;
  #timer;

  // `look()` gives the columns to show, `act(name, order, more)` does what a person wants.
  constructor(texts, shop, { look, act, onDrawn }) {
    this.#texts = texts;
    this.#look = look;
    this.#act = act;
    this.onDrawn = onDrawn;
    this.#maker = new CardMaker(texts, shop, act);
    this.#columns = COLUMNS.map((name) => new Column(name, texts, this.#maker));
    this.#tabs = ["pending", "preparing", "ready", "later"].map((name) =>
      el("button", { class: "tab", type: "button", "data-tab": name, onclick: () => this.#choose(name) }, el("span", {}, texts.say(`column.${name}`)), el("span", { class: "count number" })));
    this.node = el(
      "main",
      { class: "board", "aria-label": texts.say("board.label") },
      el("nav", { class: "tabs", "aria-label": texts.say("board.label") }, this.#tabs),
      this.#columns.map(({ node }) => node),
    );
    this.#choose("pending");
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  close() {
    clearInterval(this.#timer);
  }

  // On a phone one column is there at a time.
  #choose(name) {
    this.node.dataset.chosen = name;
    for (const tab of this.#tabs) setAttribute(tab, "aria-pressed", String(tab.dataset.tab === name));
  }

  set shop(shop) {
    this.#maker.shop = shop;
    for (const column of this.#columns) column.renew();
  }

  // Something changed: draw before the next frame, however often it is said until then.
  ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    // No frame comes in a window that nobody sees; the bell has to ring there too.
    if (document.hidden) setTimeout(() => this.draw(), 50);
    else requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.#isAsked = false;
    const { found, search } = this.#look();
    this.#found = found;
    const place = this.#placeOf(document.activeElement);
    const names = Object.keys(found);
    for (const column of this.#columns) {
      column.show(found[column.name], search && names.every((name) => !found[name].length) ? this.#texts.say("empty.search", { search }) : column.name === "later" ? "" : this.#texts.say(`empty.${column.name}`));
    }
    for (const tab of this.#tabs) tab.lastElementChild.textContent = found[tab.dataset.tab].length || "";
    this.node.dataset.later = found.later.length;
    if (place && !place.card.isConnected) this.#focusNear(place);
    this.onDrawn(found);
  }

  #tick() {
    if (document.hidden) return;
    const now = clock.now();
    // One that was for later is due.
    if (this.#found?.later.some(({ due }) => due <= now)) this.draw();
    for (const column of this.#columns) column.tick(now);
  }

  // Keys.

  #placeOf(node) {
    const card = node?.closest?.(".order");
    if (!card || !this.node.contains(card)) return null;
    const column = this.#columns.findIndex(({ node: one }) => one.contains(card));
    return { card, column, row: this.#columns[column].cards.indexOf(card) };
  }

  // The card that had the focus went on: the one that took its place has it now.
  #focusNear({ card, column, row }) {
    const same = this.#columns[column].cards.find(({ dataset }) => dataset.order === card.dataset.order);
    const cards = this.#columns[column].cards;
    (same ?? cards[Math.min(row, cards.length - 1)])?.focus();
  }

  // The first order that somebody has to do something with.
  focusFirst() {
    const cards = this.#columns.slice(1).flatMap((column) => column.cards);
    cards[0]?.focus();
    return cards.length > 0;
  }

  #key(event) {
    const place = this.#placeOf(event.target);
    if (!place) return;
    const wish = actOf(event, document.dir);
    if (!wish) return;
    if (wish.move) {
      const to = movedTo([place.column, place.row], wish.move, this.#columns.map((column) => column.cards.length));
      if (to) this.#focus(this.#columns[to[0]].cards[to[1]]);
      event.preventDefault();
      return;
    }
    // On a button Enter is the button's.
    if (event.target !== place.card && (event.key === "Enter" || event.key === " ")) return;
    const order = this.#maker.orderOf(place.card.parentElement);
    event.preventDefault();
    this.#act(wish.act, order, wish);
  }

  #focus(card) {
    card.focus();
    card.scrollIntoView({ block: "nearest" });
  }
}
