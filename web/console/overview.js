// The installation at a glance, drawn anew with each frame: what is wrong, figures, charts, pods, and who waits.

import { el, KeyedList, replace, setAttribute, setText } from "../common/dom.js";
import { Chart } from "./chart.js";
import { connectionsOfAll, History } from "./history.js";
import { card, Table, tag } from "./parts.js";
import { podTable } from "./pods.js";
import { toOrder, toShop } from "./route.js";
import { Standing } from "./standing.js";
import { inOrder } from "./troubles.js";
import { closing, figure, lasting, ms, rate, say, second } from "./words.js";

const LIMIT_MS = 100;
// More lines than that nobody tells apart: then one has all gateways together.
const MOST_LINES = 4;

const bar = (value, most) => el("meter", { min: 0, max: Math.max(1, most), value, "aria-hidden": "true" });

class Figures {
  node = el("dl", { class: "figures" });
  #values = new Map();

  constructor(names) {
    for (const name of names) {
      const value = el("dd", { class: "number" }, "–");
      this.#values.set(name, value);
      this.node.append(el("div", {}, el("dt", {}, say(name)), value));
    }
  }

  show(name, words, tone = "") {
    setText(this.#values.get(name), words);
    setAttribute(this.#values.get(name), "data-tone", tone);
  }
}

// A short list of names with figures and bars: replays by source, closes by code, shops.
class Ranking {
  node = el("div");
  #list = el("ul", { class: "ranking" });
  #empty;
  #rows;

  constructor(empty, nameOf) {
    this.#empty = el("p", { class: "empty" }, empty);
    this.node.append(this.#list, this.#empty);
    this.#rows = new KeyedList(this.#list, {
      keyOf: ({ key }) => key,
      make: ({ key }) =>
        el("li", {}, el("span", { class: "name" }, nameOf(key)), el("strong", { class: "number" }), bar(0, 1)),
      update: (row, { value, most }) => {
        setText(row.children[1], figure(value));
        setAttribute(row.children[2], "max", Math.max(1, most));
        setAttribute(row.children[2], "value", value);
      },
    });
  }

  // `counts` are [key, value].
  show(counts) {
    const sorted = [...counts].sort((a, b) => b[1] - a[1]);
    const most = sorted[0]?.[1] ?? 1;
    this.#rows.show(sorted.map(([key, value]) => ({ key, value, most })));
    this.#empty.hidden = sorted.length > 0;
  }
}

const times = { ago: (seconds) => say("ago", { lasting: lasting(seconds) }), now: say("now") };

export class Overview {
  node;
  title = say("overview");
  #history;
  #figures = new Figures(["connected", "eventsASecond", "deliveriesASecond", "p50", "p99", "unseen"]);
  #standing = new Standing();
  #rate = new Chart({
    title: say("traffic"),
    lines: [{ name: say("events") }, { name: say("deliveries") }],
    say: rate,
    ...times,
  });
  #speed = new Chart({
    title: say("speed"),
    lines: [{ name: "p50" }, { name: "p99" }],
    say: ms,
    ...times,
    limit: LIMIT_MS,
    isLog: true,
  });
  #doors = new Chart({ title: say("doors"), lines: [], say: figure, ...times });
  #servers = el("dl", { class: "servers" });
  #pods;
  #unseen;
  #hooks;
  #hookCounts = el("p", { class: "muted" });
  #shops = new Ranking(say("shopsEmpty"), (tenant) => el("a", { href: toShop(tenant) }, tenant));
  #replays = new Ranking(say("replaysEmpty"), (source) => source);
  #closes = new Ranking(say("closesEmpty"), (code) => [el("span", { class: "mono" }, code), ` ${closing(code)}`]);

  constructor(acts, history = new History()) {
    this.#history = history;
    this.#pods = podTable(acts);
    this.#unseen = unseenTable();
    this.#hooks = hookTable();
    this.node = el(
      "div",
      { class: "view overview" },
      el("h1", { tabindex: -1, class: "unseen" }, say("overview")),
      this.#standing.node,
      this.#figures.node,
      this.#rate.node,
      this.#speed.node,
      this.#doors.node,
      card(say("pods"), { wide: true, name: "pods" }, this.#pods.node),
      el(
        "div",
        { class: "column" },
        card(say("unseenOrders"), { name: "unseen" }, this.#unseen.node),
        card(say("webhooks"), {}, this.#hookCounts, this.#hooks.node),
        card(say("closes"), {}, this.#closes.node),
      ),
      el(
        "div",
        { class: "column" },
        card(say("busyShops"), {}, this.#shops.node),
        card(say("servers"), {}, this.#servers),
        card(say("replays"), {}, this.#replays.node),
      ),
    );
  }

  // How many troubles there are.
  get count() {
    return this.#standing.count;
  }

  show(frame) {
    const { delivery, unseen, webhooks, redis, postgres } = frame;
    this.#standing.show(frame);
    this.#figures.show("connected", figure(connectionsOfAll(frame)));
    this.#figures.show("eventsASecond", rate(frame.eventsPerSecond));
    this.#figures.show("deliveriesASecond", rate(frame.deliveriesPerSecond));
    this.#figures.show("p50", ms(delivery?.p50));
    this.#figures.show("p99", ms(delivery?.p99), delivery?.p99 > LIMIT_MS ? "warn" : "");
    this.#figures.show("unseen", figure(unseen.count), unseen.orders.some(({ alarms }) => alarms) ? "bad" : "");
    this.#showCharts();
    this.#pods.show(inOrder(frame.pods));
    this.#unseen.show(unseen.orders);
    this.#shops.show(frame.shops.map(({ tenant, eventsPerMinute }) => [tenant, eventsPerMinute]));
    this.#replays.show(Object.entries(frame.replayed));
    this.#closes.show(Object.entries(frame.closed));
    replace(
      this.#servers,
      serverRow("PostgreSQL", postgres, frame.unknownSince),
      serverRow("Redis", redis, redis.downSince),
    );
    setText(
      this.#hookCounts,
      webhooks
        ? say("webhookCounts", { endpoints: figure(webhooks.endpoints), backlog: figure(webhooks.backlog) })
        : "",
    );
    this.#hooks.show(webhooks?.worst ?? []);
  }

  #showCharts() {
    const history = this.#history;
    this.#rate.show(history.series("events"), history.series("deliveries"));
    this.#speed.show(history.series("p50"), history.series("p99"));
    const { gateways } = history;
    if (gateways.length <= MOST_LINES) {
      this.#doors.lines = gateways.map((name) => ({ name }));
      this.#doors.show(...gateways.map((name) => history.connections(name)));
      return;
    }
    const each = gateways.map((name) => history.connections(name));
    this.#doors.lines = [{ name: say("allGateways") }];
    this.#doors.show(
      each[0].map((_, n) => {
        const known = each.map((values) => values[n]).filter((value) => value !== null);
        return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
      }),
    );
  }
}

const serverRow = (name, { up, milliseconds }, since) =>
  el(
    "div",
    {},
    el("dt", {}, name),
    el(
      "dd",
      {},
      tag(up ? say("up") : say("away"), up ? "good" : "bad"),
      el("span", { class: "muted number" }, up ? ms(milliseconds) : say("since", { since: second(since) })),
    ),
  );

const unseenTable = () =>
  new Table({
    caption: say("unseenOrders"),
    keyOf: ({ orderId }) => orderId,
    empty: say("unseenEmpty"),
    isBad: ({ alarms }) => alarms > 0,
    columns: [
      {
        head: say("order"),
        shown: ({ tenant, orderId, orderNumber }) => el("a", { href: toOrder(tenant, orderId) }, orderNumber),
      },
      { head: say("shop"), shown: ({ tenant }) => el("a", { href: toShop(tenant) }, tenant) },
      { head: say("waits"), number: true, shown: ({ waitedSeconds }) => lasting(waitedSeconds) },
      { head: say("alarms"), number: true, shown: ({ alarms }) => (alarms ? tag(figure(alarms), "bad") : "–") },
    ],
  });

const hookTable = () =>
  new Table({
    caption: say("webhooks"),
    keyOf: ({ webhookId }) => webhookId,
    empty: say("webhooksWell"),
    isBad: ({ enabled }) => !enabled,
    columns: [
      { head: say("shop"), shown: ({ tenant }) => el("a", { href: toShop(tenant) }, tenant) },
      {
        head: say("state"),
        shown: ({ enabled, lastOutcome }) => tag(enabled ? (lastOutcome ?? "–") : say("off"), enabled ? "warn" : "bad"),
      },
      { head: say("failures"), number: true, shown: ({ failures }) => figure(failures) },
      { head: say("lag"), number: true, shown: ({ lag }) => figure(lag) },
    ],
  });
