// A shop's webhook endpoints with their last attempts, and what is done to one.

import { el } from "../common/dom.js";
import { ask } from "../common/parts.js";
import { button, closeRow, Reading, Table, tag } from "./parts.js";
import { figure, moment, say, second } from "./words.js";

const toneOfOutcome = (outcome) => (outcome === "delivered" ? "good" : "bad");

export class Webhooks {
  node;
  #table;
  #reading;

  // `again` is called after something was done.
  constructor(operator, acts, tenant, again) {
    const build = (current) =>
      el(
        "div",
        { class: "row end" },
        button(say("attempts"), () => showAttempts(operator, tenant, current())),
        button(say("ping"), async () => {
          const attempt = await acts.ping(tenant, current());
          if (!attempt) return;
          again();
          await showAttempt(attempt, current());
        }),
        button(say("enable"), async () => (await acts.enable(tenant, current())) && again()),
      );
    const update = (cell, { enabled, url }) => {
      const buttons = cell.querySelectorAll("button");
      buttons[2].hidden = enabled;
      for (const each of buttons) each.setAttribute("aria-label", `${each.textContent}: ${url}`);
    };
    this.#table = new Table({
      caption: say("webhooks"),
      keyOf: ({ id }) => id,
      empty: say("webhooksEmpty"),
      isBad: ({ enabled }) => !enabled,
      columns: [
        {
          head: say("address"),
          shown: ({ url, counts, types }) => [
            el("span", { class: "mono small" }, url),
            el(
              "span",
              { class: "muted small block" },
              [types === null ? say("allTypes") : types.join(", "), counts ? say("itCounts") : null]
                .filter(Boolean)
                .join(" · "),
            ),
          ],
        },
        {
          head: say("state"),
          shown: ({ enabled, failures, disabledReason }) =>
            enabled
              ? tag(failures ? say("failing") : say("on"), failures ? "warn" : "good")
              : tag(say("offBecause", { reason: disabledReason ?? "–" }), "bad"),
        },
        { head: say("lag"), number: true, shown: ({ lag }) => figure(lag) },
        { head: say("failures"), number: true, shown: ({ failures }) => figure(failures) },
        {
          head: say("lastAttempt"),
          shown: ({ lastAttemptAt, lastOutcome }) =>
            lastAttemptAt ? `${moment(lastAttemptAt)} · ${lastOutcome}` : "–",
        },
        { head: say("act"), build, update },
      ],
    });
    this.#reading = new Reading(
      async () => (await operator.webhooks(tenant)).webhooks,
      (found) => this.#table.show(found),
    );
    this.#reading.frame.append(this.#table.node);
    this.node = this.#reading.node;
  }

  read() {
    return this.#reading.run();
  }
}

const attemptTable = () =>
  new Table({
    caption: say("attempts"),
    keyOf: ({ at, id }) => `${at} ${id}`,
    empty: say("attemptsEmpty"),
    columns: [
      { head: say("at"), shown: ({ at }) => el("span", { class: "number" }, `${moment(at)}`) },
      { head: say("message"), shown: ({ id, type }) => [type, el("span", { class: "muted small block mono" }, id)] },
      {
        head: say("outcome"),
        shown: ({ outcome, status }) => [
          tag(outcome, toneOfOutcome(outcome)),
          status && el("span", { class: "mono small" }, ` ${status}`),
        ],
      },
      { head: say("took"), number: true, shown: ({ milliseconds }) => `${figure(milliseconds)} ms` },
      { head: say("answer"), shown: ({ answer }) => el("span", { class: "mono small" }, answer || "–") },
    ],
  });

const showAttempts = (operator, tenant, { id, url }) =>
  ask(
    say("attemptsOf"),
    (finish) => {
      const table = attemptTable();
      const reading = new Reading(
        () => operator.attempts(tenant, id),
        ({ attempts }) => table.show(attempts),
      );
      reading.frame.append(table.node);
      reading.run();
      return [el("p", { class: "mono small" }, url), reading.node, closeRow(finish)];
    },
    "wide",
  );

const showAttempt = (attempt, { url }) =>
  ask(
    say("pingDone", { at: second(attempt.at) }),
    (finish) => {
      const table = attemptTable();
      table.show([attempt]);
      return [el("p", { class: "mono small" }, url), table.node, closeRow(finish)];
    },
    "wide",
  );
