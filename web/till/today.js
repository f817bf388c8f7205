// The day: what was sold so far, hour by hour, and the report that closes it.

import { bars } from "../common/charts.js";
import { el, replace } from "../common/dom.js";
import { count, dayOf, money, quantity, when } from "../common/format.js";
import { clock } from "./clock.js";
import { barsOf, reportOf, totalsOf } from "./day.js";
import { complaintOf, formOf, openPanel, Outcome, field } from "./panel.js";
import { readReport, writeReport } from "./settings.js";

const FIGURES = [["orders", count], ["open", count], ["completed", count], ["cancelled", count]];
const SUMS = ["gross", "paid", "due", "refunded", "discounts", "taxes", "fees", "tips"];

export function openToday(till, texts, give) {
  const say = (key, values) => texts.say(key, values);
  const zone = till.shop?.timeZone;
  const amount = (value) => money(value, till.shop?.currency, texts.locale);
  const outcome = new Outcome();
  const body = el("div", { class: "stack" });
  const day = el("input", { type: "date", name: "day", value: dayOf(clock.now(), zone), max: dayOf(clock.now(), zone), required: true, onchange: () => show() });
  let asked = 0;

  const show = async () => {
    const date = day.value;
    asked += 1;
    const mine = asked;
    outcome.say("");
    try {
      const orders = await till.ask.orders({ from: date, to: date });
      if (mine === asked) fill(date, totalsOf(orders, zone));
    } catch (error) {
      if (mine === asked) {
        replace(body);
        outcome.say(complaintOf(error, texts), "bad");
      }
    }
  };

  const fill = (date, found) => {
    const { totals, average, hours, items } = found;
    const tile = (name, text, more = "") => el("div", { class: `tile ${more}` }, el("dt", {}, say(`day.${name}`)), el("dd", { class: "number" }, text));
    const shown = barsOf(hours);
    const label = shown.map(({ name, value }) => `${name}: ${value}`).join(", ");
    const sent = readReport();
    const said = el("p", { class: "muted small" }, sent?.date === date ? say("day.sent.at", { at: when(sent.at, clock.now(), texts.locale, zone) }) : say("day.unsent"));
    const report = formOf(texts, outcome, {
      fields: said, choices: [["send", say("day.send")]],
      work: async () => {
        const answer = await give("POST", `/api/tenant/${encodeURIComponent(till.tenant)}/daily-reports`, reportOf(date, found, till.shop?.currency));
        if (answer) {
          writeReport({ date, at: clock.now() });
          said.textContent = say("day.sent.at", { at: when(clock.now(), clock.now(), texts.locale, zone) });
        }
        outcome.say(say(answer ? "day.sent" : "asked.kept"), answer ? "good" : "warn");
      },
    });
    replace(body,
      el("dl", { class: "tiles" }, tile("gross", amount(totals.gross), "wide"), tile("average", amount(average), "wide"), FIGURES.map(([name, write]) => tile(name, write(totals[name], texts.locale)))),
      el("figure", { class: "chart-box" }, el("figcaption", { class: "muted small" }, say("day.hours")), bars(shown, { label: say("day.hours.aloud", { label }), every: shown.length > 12 ? 2 : 1 })),
      el("table", {}, el("tbody", {}, SUMS.filter((name) => totals[name] || name === "paid" || name === "due").map((name) => el("tr", {}, el("th", { scope: "row" }, say(`day.${name}`)), el("td", { class: "number" }, amount(totals[name])))))),
      items.length > 0 && el("table", {}, el("caption", { class: "muted small" }, say("day.items")), el("tbody", {}, items.map((one) => el("tr", {}, el("td", {}, one.name), el("td", { class: "number" }, quantity(one.quantity, null, texts.locale)))))),
      report);
  };

  openPanel(texts, say("day.title"), [field(say("day.day"), day), outcome.node, body], "wide");
  show();
}
