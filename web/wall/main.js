// The wall: six real tills in one page, the notes by which they are judged, and the buttons that break their cluster.

import { el } from "../common/dom.js";
import { Storefront } from "../shop/storefront.js";
import { Demo, tokenOf } from "../tour/demo.js";
import { dress, refuse, shine, trouble } from "../tour/page.js";
import { drawMinute, newChart } from "./chart.js";
import { Crowd } from "./crowd.js";
import { newGateways, newRedis } from "./cluster.js";
import { Latency } from "./latency.js";
import { Notes } from "./notes.js";
import { newScore } from "./score.js";

const MOST_LINES = 30;
const DRAW_MS = 100;
const LEAST_WIDTH = 280;
const byId = (id) => document.getElementById(id);

const demo = new Demo(tokenOf());
const latency = new Latency();
const chart = newChart(Math.max(LEAST_WIDTH, byId("chart").clientWidth));
const score = newScore(byId("score"));

function tell(words, isBad = false) {
  const line = el("li", { class: isBad ? "wrong" : null }, el("time", { class: "muted number" }, new Date().toLocaleTimeString()), " ", words);
  byId("journal").prepend(line);
  while (byId("journal").childElementCount > MOST_LINES) byId("journal").lastElementChild.remove();
}

// A button that does something for real; it is off while that is being done.
async function act(button, name, more) {
  button.disabled = true;
  try {
    await demo.act(name, more);
  } catch (error) {
    tell(error.message, true);
  } finally {
    button.disabled = false;
  }
}

const gateways = newGateways(byId("gateways"), (button, name, gateway) => act(button, name, { gateway }));
const redis = newRedis(byId("redis"), act);

async function main() {
  dress(
    "The six tiles are real tills: six WebSockets of the JavaScript SDK, spread over the gateways by the load balancer.",
    "The page takes its own notes: each order that an answer called placed, and each that a till was handed. It judges by these alone.",
    "The buttons break the cluster that make demo started. Tiles turn grey, come back at another gateway, and replay what they missed.",
    "The chart has a column for each second: the dark part is the median, the light one the slowest.",
  );
  byId("chart").append(chart.element);
  const { session, tenant, storefrontKey, tills } = await demo.open("wall");
  globalThis.addEventListener("pagehide", () => demo.leave());
  const notes = new Notes(tills.map(({ name }) => name));
  const crowd = new Crowd(tenant, tills, notes, latency);
  byId("tills").append(...crowd.tiles.map(({ element }) => element));
  byId("tills").removeAttribute("aria-busy");
  wireOrders(new Storefront(tenant, storefrontKey), notes);
  let refused = null;
  demo.follow(
    (line) => {
      if (line.type === "act") tell(line.says);
      if (line.type === "placed" && line.session === session) for (const [id, offset] of line.orders) notes.place(id, offset);
      if (line.type !== "state") return;
      crowd.place(line.tills);
      gateways.show(line.gateways);
      const sum = line.gateways.reduce((total, each) => total + (each.refused ?? 0), 0);
      refused = Math.max(refused ?? 0, sum);
      redis.show(line.redis, refused);
    },
    (isThere) => showStream(isThere),
  ).catch((error) => {
    showStream(false);
    trouble(`${error.message} Load the page again.`);
  });
  await crowd.open();
  for (const button of document.querySelectorAll("#order button")) button.disabled = false;
  draw(crowd, notes);
}

function showStream(isThere) {
  shine(byId("stream"), isThere ? "good" : "bad", isThere ? "connected" : "no word from the demo");
}

function wireOrders(shop, notes) {
  const form = byId("order");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { customer, dish } = form.elements;
    const name = dish.selectedOptions[0].textContent;
    const order = {
      orderType: "pickup", customerName: customer.value,
      items: [{ name, quantity: 1, unitPrice: Number(dish.value) }],
    };
    try {
      const made = await shop.place(order);
      notes.place(made.orderId, made.offset);
      tell(`${made.orderNumber} was placed: ${name}.`);
    } catch (error) {
      tell(`An order was not placed. ${error.message}`, true);
    }
  });
  const burst = form.querySelector("[data-act]");
  burst.addEventListener("click", () => act(burst, "burst"));
}

function draw(crowd, notes) {
  let second = 0;
  setInterval(() => {
    if (document.hidden) return;
    crowd.draw();
    score.show(notes.verdict(), latency.summary(), latency.count);
    const now = Math.floor(Date.now() / 1_000);
    if (now === second) return;
    second = now;
    drawMinute(chart, latency.minute(Date.now()));
  }, DRAW_MS);
}

main().catch((error) => refuse(error, tokenOf()));
