// Small charts in SVG, with their figures as a text for who does not see them. Why ours: decision 0133.

import { svg } from "./dom.js";

const HEIGHT = 120;
const WIDTH = 480;
const FOOT = 16;

// The next round figure above, for the top of a scale.
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((top) => top >= value * (1 - 1e-12));
}

function frame(label, ...children) {
  return svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT + FOOT}`, role: "img", "aria-label": label },
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    children,
  );
}

// One bar a value. `values` are [{name, value}]; every `every`-th name stands below.
export function bars(values, { label, every = 1, top = roundUp(Math.max(0, ...values.map((one) => one.value))) }) {
  const step = WIDTH / Math.max(1, values.length);
  const drawn = values.map(({ name, value }, n) => {
    const height = (Math.max(0, value) / top) * (HEIGHT - 8);
    return [
      svg("rect", { class: "bar", x: n * step + step * 0.15, y: HEIGHT - height, width: step * 0.7, height, rx: 2 }),
      n % every === 0 && svg("text", { x: (n + 0.5) * step, y: HEIGHT + 13, "text-anchor": "middle" }, name),
    ];
  });
  return frame(label, drawn);
}

// Lines over time. Each of `series` is a list of numbers of the same length, null where there was none.
export function lines(series, { label, top, limit = null, unit = "" }) {
  const all = series.flat().filter((value) => value !== null);
  const high = top ?? roundUp(Math.max(limit ?? 0, ...all));
  const y = (value) => HEIGHT - (Math.min(value, high) / high) * (HEIGHT - 8);
  const drawn = series.map((values, n) =>
    svg("path", { class: n ? "line second" : "line", d: path(values, y) }),
  );
  const marks = [svg("text", { x: 0, y: 10 }, `${high}${unit}`)];
  if (limit !== null) marks.push(svg("line", { class: "limit", x1: 0, x2: WIDTH, y1: y(limit), y2: y(limit) }));
  return frame(label, drawn, marks);
}

// The path of one line; a gap in the values is a gap in the line.
export function path(values, y) {
  const step = WIDTH / Math.max(1, values.length - 1);
  let open = false;
  return values
    .map((value, n) => {
      if (value === null) {
        open = false;
        return "";
      }
      const mark = open ? "L" : "M";
      open = true;
      return `${mark}${(n * step).toFixed(1)} ${y(value).toFixed(1)}`;
    })
    .join("");
}
