// One order's journey: a lane for each terminal, and every moment from the POST to the last receipt.

import { el, replace, setText, svg } from "../common/dom.js";
import { money } from "../common/format.js";
import { lanes, moments, TONES } from "./journey.js";
import { button, card, Reading, tag } from "./parts.js";
import { toShop, toShops } from "./route.js";
import { locale, later, moment, say, second } from "./words.js";

export class OrderView {
  node;
  title = say("order");
  #heading = el("h1", { tabindex: -1 }, say("order"));
  #facts = el("p", { class: "muted" });
  #lanes = el("ul", { class: "lanes" });
  #moments = el("ol", { class: "moments" });
  #asOf = el("span", { class: "muted small number" });
  #reading;

  constructor(operator, tenant, order) {
    const read = () => Promise.all([operator.journey(tenant, order), operator.order(tenant, order)]);
    this.#reading = new Reading(read, ([journey, found]) => this.#show(journey, found));
    this.#reading.frame.append(
      card(say("lanes"), { wide: true }, el("p", { class: "muted small" }, say("lanesWhat")), this.#lanes),
      card(say("timeline"), { wide: true }, this.#moments),
    );
    this.node = el(
      "div",
      { class: "view order" },
      el(
        "nav",
        { class: "trail wide", "aria-label": say("trail") },
        el("a", { href: toShops() }, say("shops")),
        el("a", { href: toShop(tenant) }, tenant),
      ),
      el(
        "div",
        { class: "row apart wide" },
        el("div", {}, this.#heading, this.#facts),
        el(
          "div",
          { class: "row" },
          this.#asOf,
          button(say("readAgain"), () => this.#reading.run()),
        ),
      ),
      this.#reading.node,
    );
    this.#reading.node.classList.add("wide");
    this.#reading.run();
  }

  // Of the order itself only what tells it from another is shown, and nothing of its customer.
  #show(journey, { orderNumber, status, orderSource, totalAmount, currency, broadcast }) {
    setText(this.#heading, orderNumber);
    this.title = orderNumber;
    setText(
      this.#facts,
      [
        status,
        money(totalAmount, currency, locale),
        orderSource,
        broadcast ? null : say("notBroadcast"),
        say("placedAt", { at: moment(journey.committed) }),
      ]
        .filter(Boolean)
        .join(" · "),
    );
    setText(this.#asOf, say("asOf", { at: second(Date.now()) }));
    const drawn = lanes(journey, Date.now());
    replace(this.#lanes, drawn.length ? drawn.map(laneNode) : el("li", { class: "empty" }, say("lanesEmpty")));
    replace(this.#moments, moments(journey).map(momentNode));
  }
}

// Its bars are drawn on a scale of a thousand, whatever the width.
function laneNode({ name, bars, seen, verdict, afterMs }) {
  const picture = svg(
    "svg",
    { class: "lane", viewBox: "0 0 1000 24", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("line", { class: "ground", x1: 0, x2: 1000, y1: 12, y2: 12 }),
    bars.map(({ from, to }) =>
      svg("rect", { class: "there", x: from * 1000, y: 6, width: Math.max(3, (to - from) * 1000), height: 12, rx: 2 }),
    ),
    seen !== null && svg("line", { class: "seen", x1: seen * 1000, x2: seen * 1000, y1: 0, y2: 24 }),
  );
  return el(
    "li",
    {},
    el("span", { class: "name" }, name),
    picture,
    tag(
      verdict === "seen" ? say("verdict-seen", { after: later(afterMs) }) : say(`verdict-${verdict}`),
      TONES[verdict],
    ),
  );
}

const momentNode = ({ at, sinceMs, kind, tone, text, values }) =>
  el(
    "li",
    { "data-kind": kind, "data-tone": tone },
    el("span", { class: "number muted since" }, later(sinceMs)),
    el(
      "span",
      { class: "words" },
      say(text, { ...values, by: values.by === null ? say("somebody") : knownBy(values.by) }),
    ),
    el("time", { class: "number muted small", datetime: at }, second(at)),
  );

const knownBy = (by) => (by === "store" || by === "system" || by === "op" ? say(`kind-${by}`) : by);
