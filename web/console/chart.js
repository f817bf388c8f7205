// A chart over time, as wide as its place, so that its words are as large as the page's: lines, a scale, a limit.

import { roundUp } from "../common/charts.js";
import { el, setAttribute, setText, svg } from "../common/dom.js";

const HEIGHT = 148;
const HEAD = 14;
const FOOT = 18;
const LEAST_WIDTH = 240;
const LEAST_LOG = 1;

// Where a value stands between 0 (the foot) and 1 (the head). A scale of delays is logarithmic: 3 ms and 300 ms are
// both read.
export function heightOf(value, top, isLog) {
  if (!isLog) return Math.min(1, Math.max(0, value / top));
  const bounded = Math.min(top, Math.max(LEAST_LOG, value));
  return Math.log10(bounded / LEAST_LOG) / Math.log10(top / LEAST_LOG);
}

// The head of the scale for these values, and the figures written beside it.
export function scaleOf(values, limit, isLog) {
  const most = Math.max(limit ?? 0, ...values.filter((value) => value !== null));
  if (!isLog) {
    const top = roundUp(Math.max(1, most));
    return { top, marks: top % 2 === 0 ? [0, top / 2, top] : [0, top] };
  }
  const top = 10 ** Math.ceil(Math.log10(Math.max(1_000, most)));
  const marks = [];
  for (let mark = LEAST_LOG; mark <= top; mark *= 10) marks.push(mark);
  return { top, marks };
}

// The path of one line through a box of this size. A single value between two gaps is a dot.
export function pathOf(values, width, height) {
  const step = width / Math.max(1, values.length - 1);
  const point = (value, n) => `${(n * step).toFixed(1)} ${(height * (1 - value)).toFixed(1)}`;
  return values
    .map((value, n) => {
      if (value === null) return "";
      const before = n > 0 && values[n - 1] !== null;
      const after = n < values.length - 1 && values[n + 1] !== null;
      if (before) return `L${point(value, n)}`;
      return after ? `M${point(value, n)}` : `M${point(value, n)}h.1`;
    })
    .join("");
}

// The last value there is, null without any.
export const latest = (values) => values.findLast((value) => value !== null) ?? null;

// `lines` are {name}; `say(value)` writes a figure; `ago(seconds)` says how long ago a line begins, `now` that it ends
// now.
export class Chart {
  node;
  #lines;
  #say;
  #limit;
  #isLog;
  #ago;
  #now;
  #svg = svg("svg", { class: "chart", role: "img" });
  #keys = el("ul", { class: "keys" });
  #figures = new Map();
  #shown = null;

  constructor({ title, lines, say, ago, now, limit = null, isLog = false }) {
    this.#lines = lines;
    this.#say = say;
    this.#limit = limit;
    this.#isLog = isLog;
    this.#ago = ago;
    this.#now = now;
    const id = `chart-${title.replace(/\W+/g, "-").toLowerCase()}`;
    this.title = title;
    this.node = el(
      "section",
      { class: "card figure-card", "aria-labelledby": id },
      el("h2", { id }, title),
      this.#keys,
      this.#svg,
    );
    new ResizeObserver(() => this.#shown && this.show(...this.#shown)).observe(this.node);
    this.#showKeys();
  }

  // Other lines from now on.
  set lines(lines) {
    if (lines.map(({ name }) => name).join("\n") === this.#lines.map(({ name }) => name).join("\n")) return;
    this.#lines = lines;
    this.#showKeys();
  }

  #showKeys() {
    this.#figures.clear();
    this.#keys.replaceChildren(
      ...this.#lines.map(({ name }, n) => {
        const figure = el("strong", { class: "number" }, "–");
        this.#figures.set(name, figure);
        return el("li", { "data-line": n }, name, " ", figure);
      }),
    );
  }

  // `lists` are the values of each line, all of the same length, null where there is none.
  show(...lists) {
    this.#shown = lists;
    const width = Math.max(LEAST_WIDTH, this.#svg.clientWidth);
    const height = HEIGHT - FOOT - HEAD;
    const { top, marks } = scaleOf(lists.flat(), this.#limit, this.#isLog);
    const y = (value) => HEAD + height * (1 - heightOf(value, top, this.#isLog));
    const rules = marks.map((mark) => [
      svg("line", { class: mark === marks[0] ? "axis" : "rule", x1: 0, x2: width, y1: y(mark), y2: y(mark) }),
      mark !== marks[0] && svg("text", { x: 0, y: y(mark) - 3 }, this.#say(mark)),
    ]);
    const drawn = lists.map((values, n) => {
      const heights = values.map((value) => (value === null ? null : heightOf(value, top, this.#isLog)));
      return svg("path", {
        class: "line",
        "data-line": n,
        d: pathOf(heights, width, height),
        transform: `translate(0 ${HEAD})`,
      });
    });
    const limit =
      this.#limit !== null && svg("line", { class: "limit", x1: 0, x2: width, y1: y(this.#limit), y2: y(this.#limit) });
    const times = [
      svg("text", { x: 0, y: HEIGHT - 4 }, this.#ago(lists[0]?.length ?? 0)),
      svg("text", { x: width, y: HEIGHT - 4, "text-anchor": "end" }, this.#now),
    ];
    setAttribute(this.#svg, "viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#svg.replaceChildren(...[rules, limit, drawn, times].flat(3).filter(Boolean));
    const figures = this.#lines.map(({ name }, n) => [name, latest(lists[n] ?? [])]);
    for (const [name, value] of figures) setText(this.#figures.get(name), value === null ? "–" : this.#say(value));
    const said = figures.map(([name, value]) => `${name} ${value === null ? "–" : this.#say(value)}`).join(", ");
    setAttribute(this.#svg, "aria-label", `${this.title}: ${said}`);
  }
}
