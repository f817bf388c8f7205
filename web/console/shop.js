// One shop: its standing, its terminals and webhooks, its orders, a live trace, and who did what to it.
//
// All of it was read when the view was opened, after an act, or when somebody asked again. Nothing polls.

import { el, replace, setText } from "../common/dom.js";
import { AuditList } from "./audit.js";
import { Orders } from "./orders.js";
import { button, card, Reading, tag } from "./parts.js";
import { toShops } from "./route.js";
import { stateTags } from "./shops.js";
import { Terminals } from "./terminals.js";
import { Trace } from "./trace.js";
import { Webhooks } from "./webhooks.js";
import { figure, lasting, say, second } from "./words.js";

export class ShopView {
  node;
  title;
  #operator;
  #acts;
  #tenant;
  #heading;
  #standing = el("dl", { class: "figures small" });
  #tags = el("div", { class: "row" });
  #tools = el("div", { class: "row tools" });
  #asOf = el("span", { class: "muted small number" });
  #reading;
  #terminals;
  #webhooks;
  #trace;
  #audit;

  constructor(operator, acts, tenant) {
    this.#operator = operator;
    this.#acts = acts;
    this.#tenant = tenant;
    this.title = tenant;
    const again = () => this.read();
    this.#heading = el("h1", { tabindex: -1 }, tenant);
    this.#reading = new Reading(
      () => this.#read(),
      (found) => this.#show(found),
    );
    this.#terminals = new Terminals(operator, acts, tenant, again);
    this.#webhooks = new Webhooks(operator, acts, tenant, again);
    this.#trace = new Trace(operator, tenant);
    this.#audit = new AuditList(operator, tenant);
    const pair = button(say("pair"), async () => (await acts.pair(tenant)) && again(), { class: "button little main" });
    this.#reading.frame.append(this.#standing);
    this.node = el(
      "div",
      { class: "view shop lost" },
      el("nav", { class: "trail wide", "aria-label": say("trail") }, el("a", { href: toShops() }, say("shops"))),
      el(
        "div",
        { class: "row apart wide" },
        el("div", { class: "row" }, this.#heading, this.#tags),
        el("div", { class: "row" }, this.#asOf, button(say("readAgain"), again), this.#tools),
      ),
      this.#reading.node,
      card(say("terminals"), { wide: true, tools: [pair] }, this.#terminals.node),
      card(say("webhooks"), { wide: true }, this.#webhooks.node),
      card(say("orders"), {}, new Orders(operator, tenant).node),
      card(say("trace"), { tools: [this.#trace.switch] }, this.#trace.node),
      card(say("audit"), { wide: true }, this.#audit.node),
    );
    this.#reading.node.classList.add("wide");
    this.read();
  }

  // All of it. Where there is no such shop that is said once; one that was read stays.
  async read() {
    if (!(await this.#reading.run())) return;
    this.node.classList.remove("lost");
    await Promise.all([this.#terminals.read(), this.#webhooks.read(), this.#audit.read()]);
    setText(this.#asOf, say("asOf", { at: second(Date.now()) }));
  }

  close() {
    this.#trace.stop();
  }

  async #read() {
    const [shop, status] = await Promise.all([
      this.#operator.tenant(this.#tenant),
      this.#operator.status(this.#tenant),
    ]);
    return { shop, status };
  }

  #show({ shop, status }) {
    setText(this.#heading, shop.name);
    this.title = shop.name;
    replace(this.#tags, el("span", { class: "muted mono" }, shop.tenant), stateTags(shop));
    replace(this.#tools, this.#pauseButton(shop));
    const waits = status.oldestUnackedSeconds;
    const rows = [
      [
        say("accepting"),
        tag(status.acceptingOrders ? say("yes") : say("notNow"), status.acceptingOrders ? "good" : "bad"),
      ],
      [say("terminalsOnline"), figure(status.terminalsOnline)],
      [say("receivers"), figure(status.receivers.length)],
      [say("oldestUnseen"), waits === null ? "–" : lasting(waits)],
      [say("deadline"), say("secondsLong", { count: shop.ackDeadlineSeconds })],
      [say("head"), el("span", { class: "mono" }, status.head)],
    ];
    replace(
      this.#standing,
      rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", { class: "number" }, value))),
    );
  }

  #pauseButton({ paused }) {
    const act = paused ? () => this.#acts.unpause(this.#tenant) : () => this.#acts.pause(this.#tenant);
    return button(paused ? say("unpause") : say("pause"), async () => (await act()) && this.read(), {
      class: `button little ${paused ? "main" : "danger"}`,
    });
  }
}
