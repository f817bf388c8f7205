// The till's questions to a person: why an order is cancelled, which station this is, whether to forget it all.

import { el } from "../common/dom.js";
import { ask } from "../common/parts.js";

const REASONS = ["soldout", "busy", "closed", "asked", "mistake"];
const LONGEST_REASON = 1_000;

// `{reason}`, or null where the order is kept.
export function askReason(texts, number) {
  const say = (key, values) => texts.say(key, values);
  return ask(say("cancel.title", { number }), (finish) => {
    const input = el("input", { name: "reason", maxlength: String(LONGEST_REASON), autocomplete: "off" });
    const choices = REASONS.map((name) => say(`cancel.${name}`)).map((words) => {
      const choose = () => {
        input.value = words;
        for (const one of choices) one.setAttribute("aria-pressed", String(one === button));
      };
      const button = el("button", { class: "button little", type: "button", "aria-pressed": "false", onclick: choose }, words);
      return button;
    });
    const submit = (event) => {
      event.preventDefault();
      finish({ reason: input.value.trim() || undefined });
    };
    return el(
      "form",
      { class: "stack", onsubmit: submit },
      el("p", { class: "muted" }, say("cancel.lead")),
      el("div", { class: "row" }, choices),
      el("label", { class: "field" }, el("span", {}, say("cancel.reason")), input),
      el(
        "div",
        { class: "row" },
        el("button", { class: "button danger main", type: "submit" }, say("cancel.go")),
        el("button", { class: "button", type: "button", onclick: () => finish(null) }, say("cancel.keep")),
      ),
    );
  });
}

// `{station}`, which is null for all; or null where nothing was chosen.
export function askStation(texts, stations, chosen) {
  const say = (key, values) => texts.say(key, values);
  return ask(say("station.title"), (finish) => {
    const input = el("input", { name: "station", maxlength: "64", autocomplete: "off", pattern: "[^,]*" });
    const choice = (name, words) =>
      el("button", { class: "button", type: "button", "aria-pressed": String(chosen === name), onclick: () => finish({ station: name }) }, words);
    const submit = (event) => {
      event.preventDefault();
      if (input.value.trim()) finish({ station: input.value.trim() });
    };
    return el(
      "form",
      { class: "stack", onsubmit: submit },
      el("p", { class: "muted" }, say("station.lead")),
      el("div", { class: "row" }, choice(null, say("menu.station.all")), stations.map((name) => choice(name, name))),
      el("label", { class: "field" }, el("span", {}, say("station.other")), input),
      el("button", { class: "button main", type: "submit" }, say("station.go")),
    );
  });
}

// Whether to forget the till; `waiting` steps would be lost.
export function askForget(texts, waiting) {
  const say = (key, values) => texts.say(key, values);
  return ask(say("forget.title"), (finish) => [
    el("p", {}, say("forget.lead")),
    waiting > 0 && el("p", { class: "wrong" }, say("forget.waiting", { count: waiting })),
    el(
      "div",
      { class: "row" },
      el("button", { class: "button danger main", type: "button", onclick: () => finish(true) }, say("forget.go")),
      el("button", { class: "button", type: "button", onclick: () => finish(false) }, say("menu.close")),
    ),
  ]);
}
