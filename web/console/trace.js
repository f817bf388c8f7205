// A shop's events as they come, without its customers. Nobody's place is taken by it; it runs until it is stopped.

import { el, setText } from "../common/dom.js";
import { Light } from "../common/parts.js";
import { follow, Link } from "./link.js";
import { button } from "./parts.js";
import { say, second } from "./words.js";

const SHOWN = 200;
// Its stream has a sign of life each ten seconds.
const PATIENCE = { silentMs: 15_000, giveUpMs: 30_000 };

export class Trace {
  node;
  switch;
  #operator;
  #tenant;
  #list = el("ol", { class: "trace" });
  #light = new Light();
  #empty = el("p", { class: "empty" }, say("traceEmpty"));
  #running = null;

  constructor(operator, tenant) {
    this.#operator = operator;
    this.#tenant = tenant;
    this.switch = button(say("traceStart"), () => (this.#running ? this.stop() : this.#start()), {
      "aria-pressed": "false",
    });
    this.node = el(
      "div",
      { class: "stack" },
      this.#light.node,
      el("div", { class: "log", role: "log", tabindex: 0, "aria-label": say("trace") }, this.#empty, this.#list),
    );
    this.#light.node.hidden = true;
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
    this.#light.node.hidden = true;
    setText(this.switch, say("traceStart"));
    this.switch.setAttribute("aria-pressed", "false");
  }

  #start() {
    const running = new AbortController();
    this.#running = running;
    this.#light.node.hidden = false;
    setText(this.switch, say("traceStop"));
    this.switch.setAttribute("aria-pressed", "true");
    const link = new Link(Date.now(), PATIENCE);
    let was = null;
    follow(
      link,
      (signal) => this.#operator.trace(this.#tenant, signal),
      (event) => this.#take(event),
      ({ state }) => {
        if (running.signal.aborted) return;
        this.#light.show(state === "live" ? "good" : state === "connecting" ? "" : "warn", say(`trace-${state}`));
        // Events that came while it was away are not shown, which is said.
        if (state === "waiting" && was !== "waiting") this.#line(say("traceGap"), "gap");
        was = state;
      },
      running.signal,
    );
  }

  #take({ id, event, data }) {
    const document = JSON.parse(data);
    if (event === "hello") {
      setText(this.#empty, say("traceFrom", { head: document.head }));
      return;
    }
    if (event === "reset") {
      this.#line(say("traceReset", { to: document.to }), "gap");
      return;
    }
    this.#line(
      el(
        "details",
        {},
        el(
          "summary",
          {},
          el("time", { class: "muted number" }, second(document.timestamp ?? Date.now())),
          el("span", { class: "mono muted" }, id),
          el("strong", {}, event),
          el("span", {}, gistOf(document.data ?? {})),
        ),
        el("pre", { class: "mono small" }, JSON.stringify(document, null, 2)),
      ),
    );
  }

  #line(content, kind = "") {
    this.#empty.hidden = true;
    this.#list.prepend(el("li", { class: kind }, content));
    while (this.#list.childElementCount > SHOWN) this.#list.lastElementChild.remove();
  }
}

// The few words that tell one event from the next.
export function gistOf({ orderNumber, status, totalAmount, amount, cardNumber, orderId }) {
  return [orderNumber ?? cardNumber ?? orderId, status, totalAmount ?? amount]
    .filter((part) => part !== undefined && part !== null)
    .join(" · ");
}
