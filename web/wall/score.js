// The figures of the wall: what was lost and repeated by the page's own notes, and how quick it was.

import { el, setAttribute, setText } from "../common/dom.js";
import { LINE_MS } from "./chart.js";

const number = new Intl.NumberFormat("en");
const FIGURES = [
  ["lost", "lost"], ["repeated", "repeated"], ["forged", "forged and believed"], ["p50", "median"], ["p999", "99.9 % within"],
  ["placed", "orders placed here"], ["underWay", "hand-overs under way"],
];
// These are never to be anything but 0.
const PROMISES = new Set(["lost", "repeated", "forged"]);
// So long under way it is said, and so long it is no good sign.
const SAID_MS = 2_000;
const LONG_MS = 10_000;

// So many hand-overs are still to come, and for how long the oldest of them is waited for.
export function underWayOf({ underWay, oldestMs }) {
  const words = number.format(underWay);
  return underWay && oldestMs >= SAID_MS ? `${words} · ${Math.floor(oldestMs / 1_000)} s` : words;
}

export function newScore(place) {
  const values = new Map();
  for (const [name, words] of FIGURES) {
    const value = el("dd", { class: "number", id: `figure-${name}` }, "–");
    values.set(name, value);
    place.append(el("div", { class: PROMISES.has(name) ? "figure promise" : "figure" }, el("dt", {}, words), value));
  }
  const write = (name, words, tone = "plain") => {
    const value = values.get(name);
    setText(value, words);
    setAttribute(value, "data-tone", tone);
  };
  return {
    show(verdict, { p50, p999 }) {
      for (const name of PROMISES) write(name, number.format(verdict[name]), verdict[name] ? "bad" : "good");
      const ms = (value) => (value === null ? "–" : `${number.format(value)} ms`);
      write("p50", ms(p50));
      write("p999", ms(p999), p999 !== null && p999 > LINE_MS ? "warn" : "plain");
      write("placed", number.format(verdict.placed));
      write("underWay", underWayOf(verdict), verdict.oldestMs > LONG_MS ? "warn" : "plain");
    },
  };
}
