// The wall: six real tills in one page, the notes by which they are judged, and the buttons that break their cluster.

import { el } from "../common/dom.js";
import { Storefront } from "../shop/storefront.js";
import { Demo } from "../tour/demo.js";
import { dress, refuse, shine, trouble } from "../tour/page.js";
import { takeToken } from "../tour/token.js";
import { Chart } from "./chart.js";
import { newGateways, newRedis } from "./cluster.js";
import { Crowd } from "./crowd.js";
import { Latency } from "./latency.js";
import { Notes } from "./notes.js";
import { newScore } from "./score.js";

const MOST_LINES = 30;
const DRAW_MS = 100;
// A cut this short is only the stream's, and it is back at once.
const SILENT_MS = 1_500;
const byId = (id) => document.getElementById(id);

const token = takeToken();
const demo = new Demo(token);
const latency = new Latency();
const chart = new Chart(byId("chart"));
const score = newScore(byId("score"));

function tell(words, isBad = false) {
  const line = el("li", { class: isBad ? "wrong" : null }, el("time", { class: "muted number" }, new Date().toLocaleTimeString()), " ", words);
  byId("nothing").hidden = true;
  byId("journal").prepend(line);
  while (byId("journal").childElementCount > MOST_LINES) byId("journal").lastElementChild.remove();
}

// What a button starts; it is off until that is done.
async function busy(button, work) {
  button.dataset.busy = "true";
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    tell(error.message, true);
  } finally {
    delete button.dataset.busy;
    button.disabled = false;
  }
}

const gateways = newGateways(byId("gateways"), (button, name, gateway) => busy(button, () => demo.act(name, { gateway })));
const redis = newRedis(byId("redis"), (button, name) => busy(button, () => demo.act(name)));

async function main() {
  dress(
    token,
    "The six tiles are real tills: six WebSockets of the JavaScript SDK, spread over the gateways by the load balancer.",
    "The page takes its own notes: each order that an answer called placed, and each that a till was handed. It judges by these alone. Lost is what a till has passed by without having had it.",
    "The buttons break the cluster that make demo started. Tiles turn grey, come back at another gateway, and replay what they missed.",
    "The chart has a column for each second, of what live tills were handed: the dark part is the median, the light one the slowest. Replays after a cut are not in it.",
  );
  const { session, tenant, storefrontKey, tills } = await demo.open("wall");
  globalThis.addEventListener("pagehide", () => demo.leave());
  const notes = new Notes(tills.map(({ name }) => name));
  const crowd = new Crowd(tenant, tills, notes, latency);
  byId("tills").replaceChildren(...crowd.tiles.map(({ element }) => element));
  wireOrders(new Storefront(tenant, storefrontKey), notes);
  follow(session, crowd, notes);
  await crowd.open();
  for (const button of document.querySelectorAll("#order button")) button.disabled = false;
  draw(crowd, notes);
}

const noteAll = (notes, orders) => orders.forEach(([id, offset]) => notes.place(id, offset, Date.now()));

function follow(session, crowd, notes) {
  let refused = 0;
  demo.follow((line) => {
    if (line.type === "act") tell(line.says);
    if (line.type === "placed" && line.session === session) noteAll(notes, line.orders);
    if (line.type !== "state") return;
    crowd.place(line.tills);
    gateways.show(line.gateways);
    // A gateway that was killed takes its count along.
    refused = Math.max(refused, line.gateways.reduce((total, each) => total + (each.refused ?? 0), 0));
    redis.show(line.redis, refused);
  }, showStream).catch((error) => {
    lose();
    trouble(`${error.message} Load the page again.`);
  });
}

let silence = null;

function showStream(isThere) {
  if (!isThere) {
    silence ??= setTimeout(() => {
      lose();
      trouble("The demo does not answer. If it was stopped, make demo starts another, which prints another address.");
    }, SILENT_MS);
    return;
  }
  if (silence !== null) trouble();
  clearTimeout(silence);
  silence = null;
  shine(byId("stream"), "good", "connected");
}

function lose() {
  shine(byId("stream"), "bad", `no word from the demo since ${new Date().toLocaleTimeString()}`);
  gateways.lose();
  redis.lose();
}

function wireOrders(shop, notes) {
  const form = byId("order");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { customer, dish } = form.elements;
    const name = dish.selectedOptions[0].textContent;
    const order = {
      orderType: "pickup", customerName: customer.value,
      items: [{ name, quantity: 1, unitPrice: Number(dish.value) }],
    };
    busy(form.querySelector(".main"), async () => {
      const made = await shop.place(order).catch((error) => {
        throw new Error(`The order was not placed. ${error.message}`);
      });
      notes.place(made.orderId, made.offset, Date.now());
      tell(`${made.orderNumber} was placed: ${name}.`);
    });
  });
  const burst = form.querySelector("[data-act]");
  // Its orders come while it runs, too; those of a stream that was cut are in its answer.
  burst.addEventListener("click", () => busy(burst, async () => noteAll(notes, (await demo.act("burst")).orders)));
}

function draw(crowd, notes) {
  let second = 0;
  setInterval(() => {
    if (document.hidden) return;
    crowd.draw();
    const now = Date.now();
    score.show(notes.verdict(now), latency.summary());
    if (Math.floor(now / 1_000) === second) return;
    second = Math.floor(now / 1_000);
    chart.draw(latency.minute(now));
  }, DRAW_MS);
}

main().catch((error) => {
  shine(byId("stream"), "bad", "not connected");
  refuse(error, token);
});
