// Loyalty: a customer's points by the phone number, what they came of, more of them or fewer.

import { el, replace } from "../common/dom.js";
import { count, when } from "../common/format.js";
import { clock } from "./clock.js";
import { field, formOf, openPanel, Outcome } from "./panel.js";

const LAST = 10;

export function openPoints(till, texts, give) {
  const say = (key, values) => texts.say(key, values);
  const figure = (value) => count(value, texts.locale);
  const outcome = new Outcome();
  const found = el("div", { class: "stack" });
  const phone = el("input", { name: "phone", type: "tel", autocomplete: "off", required: true });

  const path = (what) => `/api/${encodeURIComponent(till.tenant)}/loyalty/${encodeURIComponent(phone.value.trim())}/${what}`;
  const change = (...kinds) =>
    formOf(texts, outcome, {
      fields: [
        field(say("points.points"), el("input", { name: "points", inputmode: "numeric", autocomplete: "off", required: true, pattern: "[0-9]+" })),
        field(say("cancel.reason"), el("input", { name: "reason", autocomplete: "off", maxlength: "1000" })),
      ],
      choices: kinds.map((kind, n) => [kind, say(`points.${kind}`), n ? "" : "main"]),
      work: async ({ points, reason }, kind) => {
        const answer = await give("POST", path(kind), { points: Number(points.value), reason: reason.value.trim() || undefined });
        if (answer) await lookUp();
        outcome.say(answer ? say("points.now", { points: figure(answer.newBalance) }) : say("asked.kept"), answer ? "good" : "warn");
      },
    });

  const lookUp = async () => {
    const { newBalance, transactions } = await till.ask.points(phone.value.trim());
    const row = ({ transactionType, pointsChange, reason, timestamp }) =>
      el("tr", {}, el("td", {}, when(timestamp, clock.now(), texts.locale, till.shop?.timeZone)), el("td", {}, reason || say(`points.${transactionType}`)),
        el("td", { class: "number" }, `${pointsChange > 0 ? "+" : "−"}${figure(Math.abs(pointsChange))}`));
    replace(found,
      el("div", { class: "card sunken" }, el("p", { class: "figure number" }, figure(newBalance)), el("p", { class: "muted" }, say("points.title"))),
      change("add", "redeem"),
      transactions.length > 0 && el("table", {}, el("tbody", {}, transactions.slice(0, LAST).map(row))));
  };

  const ask = formOf(texts, outcome, {
    fields: field(say("points.phone"), phone), choices: [["look", say("cards.look")]],
    work: async () => {
      replace(found);
      try {
        await lookUp();
      } catch (error) {
        if (error.status !== 404) throw error;
        outcome.say(say("points.none"), "warn");
        replace(found, change("add"));
      }
    },
  });
  openPanel(texts, say("points.title"), [ask, outcome.node, found]);
  phone.focus();
}
