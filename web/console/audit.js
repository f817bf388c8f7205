// The audit trail of a shop, or of what is of none: who did what, when, from where.

import { el } from "../common/dom.js";
import { button, Reading, Table } from "./parts.js";
import { figure, moment, say } from "./words.js";

// A row's facts as one line.
export const factsOf = (facts) =>
  Object.entries(facts ?? {})
    .map(
      ([name, value]) =>
        `${name} ${typeof value === "object" && value !== null ? JSON.stringify(value) : String(value)}`,
    )
    .join(" · ");

export class AuditList {
  node;
  #found = [];
  #next = null;
  #isMore = false;
  #reading;

  // `tenant` is null for the installation's.
  constructor(operator, tenant) {
    const table = new Table({
      caption: say("audit"),
      keyOf: (entry) => entry,
      empty: say("auditEmpty"),
      columns: [
        { head: say("at"), shown: ({ at }) => el("span", { class: "number" }, moment(at)) },
        {
          head: say("deed"),
          shown: ({ action, count }) => [
            el("strong", {}, action),
            count > 1 && el("span", { class: "muted" }, ` ×${figure(count)}`),
          ],
        },
        {
          head: say("by"),
          shown: ({ kind, keyId, terminalId }) => [
            kind ? say(`kind-${kind}`) : say("kind-none"),
            keyId &&
              el(
                "span",
                { class: "muted small block mono" },
                terminalId ? `${keyId} · ${terminalId.slice(0, 8)}` : keyId,
              ),
          ],
        },
        { head: say("whence"), shown: ({ address }) => el("span", { class: "mono small" }, address ?? "–") },
        { head: say("facts"), shown: ({ facts }) => el("span", { class: "small facts" }, factsOf(facts)) },
      ],
    });
    const more = button(say("more"), () => this.#more(), { hidden: true });
    this.#reading = new Reading(
      () => operator.audit(tenant, this.#isMore ? this.#next : null),
      ({ entries, next }) => {
        this.#found = this.#isMore ? [...this.#found, ...entries] : entries;
        this.#next = next;
        more.hidden = next === null;
        table.show(this.#found);
      },
    );
    this.#reading.frame.append(table.node, more);
    this.node = this.#reading.node;
  }

  read() {
    this.#isMore = false;
    return this.#reading.run();
  }

  #more() {
    this.#isMore = true;
    return this.#reading.run();
  }
}

export class AuditView {
  node;
  title = say("audit");

  constructor(operator) {
    const list = new AuditList(operator, null);
    this.node = el(
      "div",
      { class: "view" },
      el(
        "div",
        { class: "row apart wide" },
        el("h1", { tabindex: -1 }, say("audit")),
        button(say("readAgain"), () => list.read()),
      ),
      el("p", { class: "muted wide" }, say("auditWhat")),
      el("section", { class: "card part wide" }, list.node),
    );
    list.read();
  }
}
