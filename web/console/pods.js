// The pods of the installation as a table, each with its state and, of gateways, the act that empties it.

import { el, setAttribute } from "../common/dom.js";
import { connectionsOf } from "./history.js";
import { button, Table, tag } from "./parts.js";
import { toneOf } from "./troubles.js";
import { figure, lasting, moment, rate, say, second } from "./words.js";

export function podTable(acts) {
  const build = (current) =>
    el(
      "div",
      { class: "row end" },
      button(say("drain"), () => acts.drain(current().pod)),
      button(say("resume"), () => acts.resume(current().pod)),
    );
  const update = (cell, { kind, pod, state }) => {
    const [drain, resume] = cell.querySelectorAll("button");
    const isAway = state === "draining" || state === "drained";
    drain.hidden = kind !== "gateway" || isAway || state === "silent" || state === "known";
    resume.hidden = kind !== "gateway" || !isAway;
    setAttribute(drain, "aria-label", say("drainOf", { gateway: pod }));
    setAttribute(resume, "aria-label", say("resumeOf", { gateway: pod }));
  };
  const columns = [
    {
      head: say("pod"),
      shown: ({ pod, kind, lostAt }) => [
        el("strong", {}, pod),
        el("span", { class: "muted small" }, ` ${say(kind)}`),
        lostAt && el("span", { class: "muted small block" }, say("lostAt", { at: second(lostAt) })),
      ],
    },
    {
      head: say("state"),
      shown: ({ state, missing, heardSecondsAgo }) => [
        tag(say(`state-${state}`), toneOf(state)),
        el(
          "span",
          { class: "muted small" },
          state === "silent"
            ? ` ${say("heard", { seconds: lasting(heardSecondsAgo) })}`
            : missing.length
              ? ` ${missing.join(", ")}`
              : "",
        ),
      ],
    },
    {
      head: say("connections"),
      number: true,
      shown: (pod) => {
        if (pod.kind !== "gateway") return "";
        const { websocket = 0, sse = 0 } = pod.connections ?? {};
        return [
          figure(connectionsOf(pod)),
          sse > 0 && el("span", { class: "muted small block" }, `${figure(websocket)} ws · ${figure(sse)} sse`),
        ];
      },
    },
    {
      head: say("aSecond"),
      number: true,
      shown: ({ deliveriesPerSecond, eventsPerSecond }) => rate(deliveriesPerSecond ?? eventsPerSecond),
    },
    {
      head: say("reaches"),
      shown: ({ redis, postgres, state }) =>
        state === "silent" || redis === null ? "–" : [reach("Redis", redis), " ", reach("PostgreSQL", postgres)],
    },
    {
      head: say("version"),
      isExtra: true,
      shown: ({ version }) => el("span", { class: "muted number" }, version ?? "–"),
    },
    { head: say("upSince"), isExtra: true, shown: ({ since }) => el("span", { class: "muted number" }, moment(since)) },
    { head: say("act"), build, update },
  ];
  return new Table({
    caption: say("pods"),
    columns,
    keyOf: ({ kind, pod }) => `${kind}/${pod}`,
    empty: say("podsEmpty"),
    isBad: ({ state }) => state === "silent",
  });
}

const reach = (name, isThere) => tag(`${isThere ? "✓" : "✕"} ${name}`, isThere ? "reach" : "reach bad");
