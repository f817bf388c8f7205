// A minute of latencies against the 100 ms line, as SVG: a column a second, its median and its slowest. Log scale.

import { svg } from "../common/dom.js";

const HEIGHT = 200;
const FOOT = 24;
const SIDE = 56;
const LEAST_WIDTH = 240;
const LEAST = 1;
const MOST = 10_000;
export const LINE_MS = 100;

// How high above the foot a latency stands, from 0 to 1.
export function heightOf(ms) {
  const bounded = Math.min(MOST, Math.max(LEAST, ms));
  return Math.log10(bounded / LEAST) / Math.log10(MOST / LEAST);
}

const y = (ms) => (HEIGHT - FOOT) * (1 - heightOf(ms));

// A chart for a place of this width, in which its words are as large as the page's.
function newChart(width) {
  const chart = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "chart", role: "img" });
  for (const ms of [1, 10, 1_000, 10_000]) {
    const at = y(ms);
    chart.append(svg("line", { x1: SIDE, x2: width, y1: at, y2: at, class: "rule" }));
    if (ms > 1 && ms < MOST) chart.append(svg("text", { x: SIDE - 6, y: at + 4, class: "scale" }, ms < 1_000 ? `${ms} ms` : "1 s"));
  }
  const limit = y(LINE_MS);
  chart.append(
    svg("line", { x1: SIDE, x2: width, y1: limit, y2: limit, class: "limit" }),
    svg("text", { x: SIDE - 6, y: limit + 4, class: "scale limit-name" }, "100 ms"),
    svg("text", { x: SIDE, y: HEIGHT - 4, class: "time" }, "a minute ago"),
    svg("text", { x: width, y: HEIGHT - 4, class: "time end" }, "now"),
  );
  const columns = svg("g", {});
  chart.append(columns);
  return { element: chart, columns, width };
}

// The chart in its place, drawn anew where that place has another width.
export class Chart {
  #place;
  #minute = [];
  #chart = null;

  constructor(place) {
    this.#place = place;
    new ResizeObserver(() => this.#fit()).observe(place);
    this.#fit();
  }

  draw(minute) {
    this.#minute = minute;
    drawMinute(this.#chart, minute);
  }

  #fit() {
    const width = Math.max(LEAST_WIDTH, this.#place.clientWidth);
    if (this.#chart?.width === width) return;
    this.#chart = newChart(width);
    this.#place.replaceChildren(this.#chart.element);
    this.draw(this.#minute);
  }
}

// Draw the seconds that `Latency.minute` gives.
function drawMinute({ element, columns, width }, minute) {
  const step = (width - SIDE) / minute.length;
  const bars = [];
  minute.forEach((second, index) => {
    if (!second) return;
    const x = SIDE + index * step + step * 0.2;
    const bar = (name, from, to) =>
      svg("rect", { x, width: step * 0.6, y: y(to), height: Math.max(2, y(from) - y(to)), rx: 2, class: name });
    bars.push(bar(second.most > LINE_MS ? "most late" : "most", LEAST, second.most), bar("median", LEAST, second.p50));
  });
  columns.replaceChildren(...bars);
  element.setAttribute("aria-label", labelOf(minute));
}

export function labelOf(minute) {
  const seconds = minute.filter(Boolean);
  if (!seconds.length) return "No order in the last minute.";
  const slowest = Math.max(...seconds.map(({ most }) => most));
  return `Latencies of the last minute: the slowest ${slowest} ms, ${seconds.filter(({ most }) => most > LINE_MS).length} seconds above 100 ms.`;
}
