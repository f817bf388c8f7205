// The figures of the wall: what was lost and repeated by the page's own notes, and how quick it was.

import { el, setAttribute, setText } from "../common/dom.js";
import { LINE_MS } from "./chart.js";

const number = new Intl.NumberFormat("en");
const FIGURES = [
  ["lost", "lost"], ["repeated", "repeated"], ["forged", "forged and believed"], ["placed", "orders placed here"],
  ["underWay", "hand-overs under way"], ["p50", "median"], ["p999", "99.9 % within"],
];
// These are never to be anything but 0.
const PROMISES = new Set(["lost", "repeated", "forged"]);

export function newScore(place) {
  const values = new Map();
  for (const [name, words] of FIGURES) {
    const value = el("dd", { class: "number", id: `figure-${name}` }, "–");
    values.set(name, value);
    place.append(el("div", { class: PROMISES.has(name) ? "figure promise" : "figure" }, el("dt", {}, words), value));
  }
  const write = (name, words, tone) => {
    const value = values.get(name);
    setText(value, words);
    setAttribute(value, "data-tone", tone);
  };
  return {
    show(verdict, { p50, p999 }) {
      for (const [name] of FIGURES.slice(0, 5)) {
        const tone = PROMISES.has(name) ? (verdict[name] ? "bad" : "good") : "plain";
        write(name, number.format(verdict[name]), tone);
      }
      const ms = (value) => (value === null ? "–" : `${number.format(value)} ms`);
      write("p50", ms(p50), "plain");
      write("p999", ms(p999), p999 !== null && p999 > LINE_MS ? "warn" : "plain");
    },
  };
}
