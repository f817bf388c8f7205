// A small picture of each dish, drawn: no request, and sharp at any size. Their colours are in page.css.

import { svg } from "../common/dom.js";

const round = (name, cx, cy, r) => ["circle", { cx, cy, r, class: name }];
const block = (name, x, y, width, height, rx = 0) => ["rect", { x, y, width, height, rx, class: name }];
const line = (name, d) => ["path", { d, class: name }];

const pizza = (...on) => [round("crust", 32, 32, 26), round("sauce", 32, 32, 22), ...on];
const bowl = (...inside) => [...inside, line("bowl", "M8 32h48a24 24 0 0 1-48 0z")];

const PICTURES = {
  margherita: pizza(
    round("cheese", 24, 24, 6), round("cheese", 41, 29, 7), round("cheese", 28, 42, 6),
    line("leaf", "M33 20q7-3 9 4q-7 3-9-4z"), line("leaf", "M19 34q5-5 9 1q-5 5-9-1z"), line("leaf", "M38 41q6-3 8 3q-6 4-8-3z"),
  ),
  diavola: pizza(
    round("cheese", 30, 31, 12), round("salami", 24, 23, 6), round("salami", 41, 27, 6), round("salami", 27, 42, 6), round("salami", 42, 42, 4),
  ),
  minestrone: bowl(line("soup", "M12 32a20 9 0 0 1 40 0z"), round("carrot", 25, 28, 3), round("leaf", 34, 27, 3), round("cheese", 41, 29, 2.5)),
  insalata: bowl(
    round("leaf", 20, 26, 9), round("leaf dark", 33, 22, 10), round("leaf", 45, 27, 8), round("sauce", 26, 25, 5), round("carrot", 41, 24, 4),
  ),
  tiramisu: [
    block("cream", 12, 20, 40, 10, 3), block("cake", 12, 28, 40, 8), block("cream", 12, 36, 40, 6), block("cake", 12, 42, 40, 8, 3),
    line("cocoa", "M12 21q0-4 4-4h32q4 0 4 4z"),
  ],
  limonata: [
    line("lemonade", "M21 22h22l-3 33q0 2-2 2H26q-2 0-2-2z"), line("glass", "M19 12h26l-4 43q0 3-3 3H26q-3 0-3-3z"),
    line("straw", "M34 50 40 5"), round("lemon", 44, 14, 8), round("lemon inner", 44, 14, 5),
  ],
};

export const pictureOf = (id) =>
  svg("svg", { viewBox: "0 0 64 64", class: "picture", "aria-hidden": "true" }, ...(PICTURES[id] ?? []).map(([name, wishes]) => svg(name, wishes)));
