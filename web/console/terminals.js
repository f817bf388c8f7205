// A shop's terminals with their lag, the journal of a terminal's connections, and what is done to one.

import { el } from "../common/dom.js";
import { ask } from "../common/parts.js";
import { button, closeRow, Reading, Table, tag } from "./parts.js";
import { closing, figure, moment, say } from "./words.js";

export class Terminals {
  node;
  #table;
  #reading;

  // `again` is called after something was done.
  constructor(operator, acts, tenant, again) {
    const build = (current) => {
      const act = (name) => async () => (await acts[name](tenant, current())) && again();
      return el(
        "div",
        { class: "row end" },
        button(say("journal"), () => showJournal(operator, tenant, current())),
        button(say("rotate"), act("rotate")),
        button(say("revoke"), act("revoke"), { class: "button little danger" }),
      );
    };
    // Each button says to a screen reader which terminal it is about.
    const update = (cell, { name }) => {
      for (const each of cell.querySelectorAll("button"))
        each.setAttribute("aria-label", `${each.textContent}: ${name}`);
    };
    this.#table = new Table({
      caption: say("terminals"),
      keyOf: ({ terminalId }) => terminalId,
      empty: say("terminalsEmpty"),
      columns: [
        {
          head: say("terminal"),
          shown: ({ name, role }) => [el("strong", {}, name), role && el("span", { class: "muted small" }, ` ${role}`)],
        },
        {
          head: say("state"),
          shown: ({ online }) => tag(online ? say("online") : say("offline"), online ? "good" : ""),
        },
        { head: say("gateway"), isExtra: true, shown: ({ gateway }) => gateway ?? "–" },
        {
          head: say("lastSeen"),
          shown: ({ lastSeen }) => el("span", { class: "number" }, lastSeen ? moment(lastSeen) : say("never")),
        },
        { head: say("lag"), number: true, shown: ({ lag }) => (lag ? tag(figure(lag), "warn") : figure(lag)) },
        { head: say("act"), build, update },
      ],
    });
    this.#reading = new Reading(
      async () => (await operator.terminals(tenant)).terminals,
      (found) => this.#table.show(found),
    );
    this.#reading.frame.append(this.#table.node);
    this.node = this.#reading.node;
  }

  read() {
    return this.#reading.run();
  }
}

// The last fifty connections, in a dialog.
function showJournal(operator, tenant, { terminalId, name }) {
  return ask(
    say("journalOf", { name }),
    (finish) => {
      const shared = el("p", { class: "wrong", hidden: true }, say("sharedKey"));
      const table = new Table({
        caption: say("journal"),
        keyOf: ({ from, firstOffset }) => `${from} ${firstOffset}`,
        empty: say("journalEmpty"),
        columns: [
          { head: say("from"), shown: ({ from }) => el("span", { class: "number" }, moment(from)) },
          {
            head: say("to"),
            shown: ({ to }) => (to ? el("span", { class: "number" }, moment(to)) : tag(say("stillThere"), "good")),
          },
          { head: say("gateway"), shown: ({ gateway, door }) => `${gateway ?? "–"} · ${door}` },
          {
            head: say("code"),
            shown: ({ to, code }) =>
              code === null
                ? to
                  ? say("noCode")
                  : "–"
                : [
                    el("span", { class: "mono" }, String(code)),
                    el("span", { class: "muted small block" }, closing(code)),
                  ],
          },
          {
            head: say("sent"),
            shown: ({ firstOffset, lastOffset }) =>
              el("span", { class: "mono small" }, `${firstOffset} → ${lastOffset}`),
          },
          {
            head: say("whence"),
            shown: ({ address, agent }) => [address ?? "–", agent && el("span", { class: "muted small block" }, agent)],
          },
        ],
      });
      const reading = new Reading(
        () => operator.connections(tenant, terminalId),
        ({ connections, sharedKey }) => {
          shared.hidden = !sharedKey;
          table.show(connections);
        },
      );
      reading.frame.append(table.node);
      reading.run();
      return [shared, reading.node, closeRow(finish)];
    },
    "wide",
  );
}
