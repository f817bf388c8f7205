// The demo's shop: a storefront that places orders, sells a gift card and is paid with it, and follows what becomes of it.

import { el, setText } from "../common/dom.js";
import { Demo } from "../tour/demo.js";
import { dress, refuse, shine, trouble } from "../tour/page.js";
import { takeToken } from "../tour/token.js";
import { Basket, centsOf, inWords, MENU } from "./basket.js";
import { pictureOf } from "./pictures.js";
import { isOver, newProgress } from "./progress.js";
import { Storefront } from "./storefront.js";

const LOOK_MS = 1_500;
const LISTEN_MS = 5_000;
// A storefront asks again while it has no answer; so long it needs no word about that.
const PATIENT_MS = 1_500;
const byId = (id) => document.getElementById(id);

const token = takeToken();
const demo = new Demo(token);
const basket = new Basket();
const cards = [];
const followed = new Map();
let shop = null;

// While it runs the button is off and says that it does; what went wrong is said.
async function busy(button, work) {
  const words = button.textContent;
  const asks = setTimeout(() => setText(button, "Still asking the shop…"), PATIENT_MS);
  button.disabled = true;
  trouble();
  try {
    await work();
  } catch (error) {
    trouble(`${error.message} Nothing in the basket is gone.`);
    byId("trouble").scrollIntoView({ block: "nearest" });
  } finally {
    clearTimeout(asks);
    setText(button, words);
    button.disabled = false;
    showBasket();
  }
}

function showMenu() {
  byId("menu").append(...MENU.map((dish) => {
    const boxes = dish.extras.map(([name, cents]) => {
      const box = el("input", { type: "checkbox", value: name });
      return { box, label: el("label", {}, box, ` ${name}`, cents ? el("span", { class: "price" }, ` +${inWords(cents)}`) : "") };
    });
    const add = el("button", { class: "button", type: "button", "aria-label": `Add ${dish.name}` }, "Add");
    add.addEventListener("click", () => {
      basket.add(dish, boxes.filter(({ box }) => box.checked).map(({ box }) => box.value));
      for (const { box } of boxes) box.checked = false;
      showBasket();
    });
    return el("li", { class: "dish" }, pictureOf(dish.id),
      el("div", {}, el("div", { class: "head" }, el("h3", {}, dish.name), el("span", { class: "price" }, inWords(dish.cents))),
        el("p", { class: "muted" }, dish.about)),
      el("div", { class: "extras" }, ...boxes.map(({ label }) => label)), add);
  }));
}

function showBasket() {
  byId("lines").replaceChildren(...basket.lines.map((line) => {
    const less = el("button", { class: "button quiet little", type: "button", "aria-label": `One ${line.dish.name} less` }, "−");
    less.addEventListener("click", () => {
      basket.remove(line.id);
      showBasket();
    });
    const extras = line.extras.map(([name]) => name).join(", ");
    return el("li", {}, el("span", {}, `${line.quantity} × ${line.dish.name}`, extras ? el("small", { class: "muted" }, ` ${extras}`) : ""),
      el("span", { class: "price" }, inWords(centsOf(line))), less);
  }));
  byId("empty").hidden = !basket.isEmpty;
  byId("total").textContent = inWords(basket.cents);
  const count = basket.lines.reduce((sum, { quantity }) => sum + quantity, 0);
  byId("to-basket").hidden = basket.isEmpty;
  setText(byId("to-basket"), `Basket: ${count} ${count === 1 ? "dish" : "dishes"}, ${inWords(basket.cents)}`);
  byId("checkout").querySelector("button").disabled = basket.isEmpty || !shop;
}

function showCards() {
  byId("cards").replaceChildren(...cards.map(({ number, cents }) =>
    el("li", {}, el("code", {}, `•••• ${number.slice(-4)}`), el("span", { class: "price" }, inWords(cents)))));
  const { pay } = byId("checkout").elements;
  const chosen = pay.value;
  pay.replaceChildren(el("option", { value: "" }, "at the counter"), ...cards.filter(({ cents }) => cents > 0).map(({ number, cents }) =>
    el("option", { value: number }, `gift card •••• ${number.slice(-4)}, ${inWords(cents)}`)));
  pay.value = [...pay.options].some(({ value }) => value === chosen) ? chosen : "";
}

async function buyCard() {
  const amount = Number(byId("buy").elements.amount.value);
  const made = await shop.buyCard(amount, byId("checkout").elements.customer.value || "a guest");
  cards.push({ number: made.cardNumber, cents: Math.round(made.balance * 100) });
  showCards();
  byId("checkout").elements.pay.value = made.cardNumber;
}

async function checkOut() {
  const { customer, note, pay } = byId("checkout").elements;
  const card = cards.find(({ number }) => number === pay.value);
  const cents = basket.cents;
  const made = await shop.place(basket.order({ customerName: customer.value, note: note.value }));
  basket.clear();
  follow(made);
  if (card) {
    const left = await shop.redeem(card.number, Math.min(cents, card.cents) / 100, made.orderId);
    card.cents = Math.round(left.balance * 100);
    showCards();
  }
  await look(made.orderId);
}

function follow(made) {
  const progress = newProgress(made);
  followed.set(made.orderId, { ...progress, over: false });
  progress.show({ ...made, amountDue: made.totalAmount });
  byId("orders").prepend(progress.element);
  byId("no-orders").hidden = true;
}

async function look(orderId) {
  const order = followed.get(orderId);
  const now = await shop.order(orderId);
  order.show(now);
  order.over = isOver(now);
}

async function lookAtAll() {
  for (const [orderId, { over }] of followed) if (!over) await look(orderId);
}

async function listen() {
  const say = (tone, words) => shine(byId("listening"), tone, words);
  try {
    const { acceptingOrders, receivers, paused } = await shop.status();
    if (paused) say("warn", "the shop is paused");
    else if (acceptingOrders) say("good", `the kitchen is listening: ${receivers.length} ${receivers.length === 1 ? "till" : "tills"}`);
    else say("bad", "nobody in the kitchen is listening");
  } catch {
    say("bad", "the shop does not answer");
  }
}

// Again and again while the page is looked at, one at a time; what fails is tried again.
async function regularly(work, ms) {
  for (;;) {
    if (!document.hidden) await work().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

async function main() {
  dress(
    token,
    "This is a storefront, as a shop would have one on its site. It has a key that may place orders and sell gift cards, and nothing else.",
    "An order carries an Idempotency-Key: should its answer be lost, the page asks again, and the kitchen has it once.",
    "The light asks the shop's status: it is green while a till is connected. Open a till, and move the order on there.",
  );
  showMenu();
  showBasket();
  byId("to-basket").addEventListener("click", () => {
    byId("basket").scrollIntoView();
    byId("checkout").elements.customer.focus({ preventScroll: true });
  });
  const { tenant, storefrontKey } = await demo.open("shop");
  globalThis.addEventListener("pagehide", () => demo.leave());
  demo.follow(() => {}).catch((error) => trouble(`${error.message} Load the page again.`));
  shop = new Storefront(tenant, storefrontKey);
  for (const [form, work] of [["checkout", checkOut], ["buy", buyCard]]) {
    byId(form).addEventListener("submit", (event) => {
      event.preventDefault();
      busy(event.submitter ?? byId(form).querySelector("button"), work);
    });
  }
  byId("buy").querySelector("button").disabled = false;
  showBasket();
  regularly(listen, LISTEN_MS);
  regularly(lookAtAll, LOOK_MS);
}

main().catch((error) => {
  shine(byId("listening"), "bad", "not connected");
  refuse(error, token);
});
